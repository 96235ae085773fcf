// Package models holds the detectors that are part of the program: the INT8 models
// of this folder, each with its manifest. What the other files here are, README.md
// says.
package models

import "embed"

// Files are NAME-int8.onnx and NAME-int8.json of every model.
//
//go:embed *-int8.onnx *-int8.json
var Files embed.FS
