// Package backbones turns pixels into raw network outputs and those into
// detections: the registry of backbone families, the model files and their
// manifests, the ONNX Runtime (this is its only importer), and sessions.
//
//	model, err := backbones.Open(manifest, backbones.Options{Threads: 2, Conf: 0.4, NMSIoU: 0.5})
//	request, err := model.NewRequest()          // owns its tensors; one per goroutine
//	err = request.Load(&frame)                  // letterbox into the input tensor
//	err = request.Run(ctx)                      // the network
//	detections, err = request.Detections(nil)   // decode, NMS, source-frame pixels
//
// A Model may be shared by any number of goroutines, a Request belongs to one.
// Close every request before its model.
//
// Without the build tags that the Makefile sets, the package builds without OpenCV
// and lacks Request.Load alone.
package backbones
