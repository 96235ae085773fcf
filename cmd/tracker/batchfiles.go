//go:build gocv_specific_modules

package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tracker-go/tracker/cmd/tracker/internal/atomicfile"
)

// path is that of one of the item's files.
func (j *job) path(ext string) string {
	return filepath.Join(j.folder, filepath.FromSlash(j.name)+"."+ext)
}

// Extensions of the files of an item.
const (
	motExt    = "txt"
	jsonlExt  = "jsonl"
	videoExt  = "mp4"
	piecesExt = "pieces" // of a video, on their way
	recordExt = "rec"
)

// fileKind is a kind of file that a job may have.
type fileKind struct {
	ext    string
	result func(*job) bool // it is one of the results
	grows  func(*job) bool // it grows frame by frame; nil if it never does
}

// fileKinds are all of them. Texts that are made offline do not grow: they are made of a
// record, at the end.
var fileKinds = []fileKind{
	{motExt, always, (*job).online},
	{jsonlExt, always, (*job).online},
	{videoExt, (*job).films, nil},
	{piecesExt, never, (*job).films},
	{recordExt, func(j *job) bool { return j.record }, func(j *job) bool { return j.record || !j.online() }},
}

func always(*job) bool { return true }
func never(*job) bool  { return false }

func (j *job) films() bool  { return j.video }
func (j *job) online() bool { return !j.config.Offline }

// growing are the kinds that grow frame by frame, with some settings.
func growing() []fileKind {
	return slices.DeleteFunc(slices.Clone(fileKinds), func(k fileKind) bool { return k.grows == nil })
}

// outputs are the names of the results, below the folder.
func (j *job) outputs() []string {
	return j.names(func(k fileKind) bool { return k.result(j) })
}

// written are the names of the files that grow frame by frame.
func (j *job) written() []string {
	return j.names(func(k fileKind) bool { return k.grows != nil && k.grows(j) })
}

func (j *job) names(wanted func(fileKind) bool) (names []string) {
	for _, k := range fileKinds {
		if wanted(k) {
			names = append(names, j.name+"."+k.ext)
		}
	}
	return names
}

// extOf is the extension of one of these names.
func (j *job) extOf(name string) string { return strings.TrimPrefix(name, j.name+".") }

// strays are what a run before has left that this one does not go on with: its checkpoint,
// and files that these settings do not have.
func (j *job) strays() []string {
	list := []string{j.path("checkpoint")}
	for _, k := range growing() {
		if j.files[k.ext] == nil {
			list = append(list, atomicfile.PartialName(j.path(k.ext)))
		}
	}
	return list
}

// scaffold are the files that lead to the results.
func (j *job) scaffold() []string {
	return []string{j.path("checkpoint"), atomicfile.PartialName(j.path(piecesExt)), atomicfile.PartialName(j.path(recordExt))}
}

// results are the manifest, and the outputs under both their names.
func (j *job) results() []string {
	list := []string{j.path("manifest.json")}
	for _, name := range j.outputs() {
		path := filepath.Join(j.folder, filepath.FromSlash(name))
		list = append(list, path, atomicfile.PartialName(path))
	}
	return list
}

// leaves are the files that work on the item makes or takes away.
func (j *job) leaves() []string {
	list := append(j.scaffold(), atomicfile.PartialName(j.path("lock")), atomicfile.PartialName(j.path("manifest.json")))
	return append(list, j.results()...)
}

// copies are what the store has, too, once the item is over.
func (j *job) copies() []string {
	if j.store == nil {
		return nil
	}
	return j.results()
}

// parked are what the item needs to go on on another machine, the checkpoint last.
func (j *job) parked() (names []string) {
	for _, name := range j.written() {
		names = append(names, atomicfile.PartialName(name))
	}
	return append(names, j.name+".checkpoint")
}

// everParked is the same for any settings: others may have parked it before.
func (j *job) everParked() (names []string) {
	for _, k := range growing() {
		names = append(names, atomicfile.PartialName(j.name+"."+k.ext))
	}
	return append(names, j.name+".checkpoint")
}

func removeAll(paths []string) error {
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// tidyLate tidies up after a process that died before it could, or was to make anew what
// is done, if one did.
func (j *job) tidyLate() error {
	left := append(j.scaffold(), j.copies()...)
	for _, name := range j.outputs() {
		left = append(left, atomicfile.PartialName(filepath.Join(j.folder, filepath.FromSlash(name))))
	}
	cluttered := slices.ContainsFunc(append(left, atomicfile.PartialName(j.path("lock"))), func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	})
	if !cluttered {
		return nil
	}
	lock, err := atomicfile.Create(j.path("lock"))
	if errors.Is(err, atomicfile.ErrBusy) {
		return nil // it lives
	}
	if err != nil {
		return err
	}
	return errors.Join(removeAll(left), lock.Abort())
}
