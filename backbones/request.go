//go:build gocv_specific_modules

package backbones

import (
	"context"
	"errors"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"
	"gocv.io/x/gocv"

	"github.com/tracker-go/tracker/detect"
)

// Request is one inference in the making: it owns its tensors and belongs to one
// goroutine. Load, Run and Detections are called in that order, again and again.
type Request struct {
	model   *Model
	input   *inputTensor
	boxes   *ort.Tensor[float32] // [1,A,4]
	scores  *ort.Tensor[float32] // [1,A,C]
	binding *ort.IoBinding
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
	if r.boxes, err = counted(ort.NewEmptyTensor[float32](ort.NewShape(1, m.anchors, 4))); err != nil {
		return err
	}
	if r.scores, err = counted(ort.NewEmptyTensor[float32](ort.NewShape(1, m.anchors, int64(m.decoder.Channels())))); err != nil {
		return err
	}
	r.input.pinner.Pin(&r.boxes.GetData()[0])
	r.input.pinner.Pin(&r.scores.GetData()[0])
	if r.binding, err = m.session.CreateIoBinding(); err != nil {
		return err
	}
	return errors.Join(
		r.binding.BindInput(m.manifest.Input.Name, r.input.value),
		r.binding.BindOutput(m.manifest.Head.Boxes, r.boxes),
		r.binding.BindOutput(m.manifest.Head.Scores, r.scores),
	)
}

// Load resizes a BGR picture of any size into the input tensor. The picture is
// not kept.
func (r *Request) Load(img *gocv.Mat) error { return r.input.load(img) }

// Run is the network. A context that has ended is looked at before, not during.
func (r *Request) Run(ctx context.Context) error { return r.model.run(ctx, r.binding) }

// Detections appends what the network found to dst: best first, boxes in pixels
// of the loaded picture, cut to its edges.
func (r *Request) Detections(dst []detect.Detection) ([]detect.Detection, error) {
	first := len(dst)
	dst, err := r.model.decoder.Decode(dst, r.boxes.GetData(), r.scores.GetData(), r.model.opts.Conf, r.model.wanted)
	if err != nil {
		return dst, err
	}
	found := r.nms.Apply(dst[first:])
	place, w, h := r.input.box, float64(r.input.box.SrcW), float64(r.input.box.SrcH)
	kept := dst[:first]
	for _, d := range found {
		d.Box = place.ToSource(d.Box).Clip(w, h)
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
	if r.binding != nil {
		errs = append(errs, r.binding.Destroy())
	}
	if r.scores != nil {
		errs = append(errs, release(r.scores))
	}
	if r.boxes != nil {
		errs = append(errs, release(r.boxes))
	}
	if r.input != nil {
		errs = append(errs, r.input.Destroy())
	}
	return errors.Join(errs...)
}
