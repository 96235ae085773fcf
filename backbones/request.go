package backbones

import (
	"context"
	"errors"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/tracker-go/tracker/detect"
)

// Request is one inference in the making: it owns its tensors and belongs to one
// goroutine. Load, Run and Detections are called in that order, again and again.
type Request struct {
	model   *Model
	input   *inputTensor
	outputs []ort.Value
	values  [][]float32 // the outputs' memory
	bound   bound
	nms     detect.Suppressor
}

// NewRequest makes the tensors for one inference at a time.
func (m *Model) NewRequest() (*Request, error) {
	r := &Request{model: m, nms: detect.Suppressor{IoU: m.opts.NMSIoU}}
	if err := r.allocate(); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare model %s: %w", m.manifest.Name, err), r.Close())
	}
	return r, nil
}

func (r *Request) allocate() (err error) {
	m := r.model
	if r.input, err = newInputTensor(&m.manifest.Input); err != nil {
		return err
	}
	r.bound.input = r.input.value
	if r.bound.binding, err = m.session.CreateIoBinding(); err != nil {
		return err
	}
	for i, name := range m.outputs {
		values := make([]float32, m.shapes[i].FlattenedSize())
		out, err := counted(ort.NewTensor(m.shapes[i], values))
		if err != nil {
			return err
		}
		r.outputs, r.values = append(r.outputs, out), append(r.values, values)
		r.input.pinner.Pin(&values[0])
		if err := r.bound.binding.BindOutput(name, out); err != nil {
			return err
		}
	}
	return r.bound.binding.BindInput(m.manifest.Input.Name, r.input.value)
}

// Run is the network. A context that has ended is looked at before, not during.
func (r *Request) Run(ctx context.Context) error { return r.model.run(ctx, &r.bound) }

// Detections appends what the network found to dst: best first, boxes in pixels
// of the loaded picture, cut to its edges.
func (r *Request) Detections(dst []detect.Detection) ([]detect.Detection, error) {
	first := len(dst)
	dst, err := r.model.decode(dst, r.values, r.model.opts.Conf)
	if err != nil {
		return dst, err
	}
	found := r.nms.Apply(dst[first:])
	place, w, h := r.input.box, float64(r.input.box.SrcW), float64(r.input.box.SrcH)
	kept := dst[:first]
	for _, d := range found {
		d.Box = place.ToSource(d.Box).Clip(w, h)
		if classes := r.model.classes; classes != nil {
			d.Class = classes[d.Class]
		}
		if d.Box.Valid() { // a box wholly in the padding is no object
			kept = append(kept, d)
		}
	}
	return kept, nil
}

// Close releases the tensors. It may be called once, also on a request whose
// making failed.
func (r *Request) Close() error {
	var errs []error
	if r.bound.binding != nil {
		errs = append(errs, r.bound.binding.Destroy())
	}
	for _, out := range r.outputs {
		errs = append(errs, release(out))
	}
	if r.input != nil {
		errs = append(errs, r.input.Destroy())
	}
	return errors.Join(errs...)
}
