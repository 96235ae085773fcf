package backbones

import (
	"errors"
	"fmt"
	"runtime"

	ort "github.com/yalue/onnxruntime_go"
)

// ErrOnePicture says that a network takes one picture at a time.
var ErrOnePicture = errors.New("the network takes one picture at a time")

// Batch runs several requests as one inference. It has tensors of its own, into
// which it copies the requests' pictures and from which their results. It belongs
// to one goroutine at a time.
//
// Several threads, or a GPU, do a batch faster than its pictures one after the
// other; a single thread gains nothing. The last bit of a result may depend on how
// many share the batch, where the threads then divide the work at other places.
//
// A network that chooses its boxes in the graph, format end2end, never runs in a
// batch: exporters trace a suppression on one picture, and the graph then finds
// nothing in the others, which its shapes do not show.
type Batch struct {
	model    *Model
	elements             // the pictures, one behind the other
	results  [][]float32 // for each output, the pictures' one behind the other
	sizes    []batchSize // for 2 pictures, 3, …; empty below the least
	pinner   runtime.Pinner
}

// batchSize holds the tensors for one number of pictures; those of all sizes begin
// at the same memory.
type batchSize struct {
	bound
	outputs []ort.Value
}

// NewBatch makes a batch of up to most requests, 2 or more, and runs every size
// once, since the first run of a size may be slow. It returns ErrOnePicture where
// the network cannot do it.
func (m *Model) NewBatch(most int) (*Batch, error) { return m.newBatch(2, most) }

// newBatch is NewBatch for no fewer than least requests.
func (m *Model) newBatch(least, most int) (*Batch, error) {
	b := &Batch{model: m}
	if err := b.allocate(int64(least), int64(most)); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare model %s for %d pictures at a time: %w", m.manifest.Name, most, err), b.Close())
	}
	return b, nil
}

func (b *Batch) allocate(least, most int64) error {
	m := b.model.manifest
	if format := m.Head.Format; headFormats[format].alone {
		return fmt.Errorf("%w: its head, %s, may find nothing in the others", ErrOnePicture, format)
	}
	in := &m.Input
	b.elements = newElements(in.Type, most*in.shape().FlattenedSize(), &b.pinner)
	for _, shape := range b.model.shapes {
		result := make([]float32, most*shape.FlattenedSize())
		b.results = append(b.results, result)
		b.pinner.Pin(&result[0])
	}
	b.sizes = make([]batchSize, most-1)
	for n := least; n <= most; n++ {
		size := &b.sizes[n-2]
		if err := b.bind(size, n); err != nil {
			return err
		}
		if err := b.model.infer(&size.bound); err != nil {
			return fmt.Errorf("%w: %w", ErrOnePicture, oneLine(err))
		}
	}
	return nil
}

// bind makes the tensors for n pictures.
func (b *Batch) bind(size *batchSize, n int64) (err error) {
	if size.binding, err = b.model.session.CreateIoBinding(); err != nil {
		return err
	}
	m := b.model.manifest
	if size.input, err = b.tensor(batched(m.Input.shape(), n)); err != nil {
		return err
	}
	if err := size.binding.BindInput(m.Input.Name, size.input); err != nil {
		return err
	}
	shapes := b.model.shapes
	for i, name := range b.model.outputs {
		shape := batched(shapes[i], n)
		value, err := counted(ort.NewTensor(shape, b.results[i][:shape.FlattenedSize()]))
		if err != nil {
			return err
		}
		size.outputs = append(size.outputs, value)
		if err := size.binding.BindOutput(name, value); err != nil {
			return err
		}
	}
	return nil
}

// batched is the shape of n pictures, given that of one.
func batched(one ort.Shape, n int64) ort.Shape {
	shape := one.Clone()
	shape[0] = n
	return shape
}

// Run is the network on the loaded pictures of the requests: from 2 to as many as
// the batch was made for.
func (b *Batch) Run(requests []*Request) error {
	for i, r := range requests {
		b.take(i, &r.input.elements)
	}
	if err := b.model.infer(&b.sizes[len(requests)-2].bound); err != nil {
		return fmt.Errorf("run model %s on %d pictures: %w", b.model.manifest.Name, len(requests), oneLine(err))
	}
	for i, r := range requests {
		for o, result := range r.values {
			copy(result, part(b.results[o], len(result), i))
		}
	}
	return nil
}

// Close releases the tensors. It may be called once, also on a batch whose making
// failed.
func (b *Batch) Close() error {
	var errs []error
	for _, size := range b.sizes {
		if size.binding != nil {
			errs = append(errs, size.binding.Destroy())
		}
		for _, v := range size.outputs {
			errs = append(errs, release(v))
		}
		if size.input != nil {
			errs = append(errs, release(size.input))
		}
	}
	b.pinner.Unpin()
	return errors.Join(errs...)
}
