package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settleTime is how long a file must stay as it is before it counts as changed: who
// writes it may do so in several steps. Raising it reacts later, lowering it may see
// half a file.
const settleTime = 150 * time.Millisecond

// Watch tells when the file at path may have changed, until ctx ends, which closes
// the channel. Several changes that nobody has asked for are one.
//
// It is the name that is watched, whatever it stands for: a file that is written, or
// replaced by another, as editors do; a symbolic link, or a folder on the way that is
// one, that comes to point elsewhere, as Kubernetes swaps a ConfigMap's. The file may
// be missing in between.
func Watch(ctx context.Context, path string) (<-chan struct{}, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w; raise fs.inotify.max_user_instances if there are too many", path, err)
	}
	w := &watcher{path: path, notify: notify, changed: make(chan struct{}, 1)}
	if err := w.follow(); err != nil {
		notify.Close()
		return nil, fmt.Errorf("watch %s: %w", path, err)
	}
	w.seen = stampOf(path)
	go w.run(ctx)
	return w.changed, nil
}

// watcher follows one name. Folders are watched and not the file, which may be
// replaced.
type watcher struct {
	path    string
	notify  *fsnotify.Watcher
	changed chan struct{} // has room for one
	folders []string      // that are watched
	seen    stamp
}

func (w *watcher) run(ctx context.Context) {
	defer close(w.changed)
	defer w.notify.Close()
	settled := time.NewTimer(settleTime)
	settled.Stop()
	for {
		select {
		case e := <-w.notify.Events:
			// A link that was swapped leads to other folders. Where one of them cannot be
			// watched, the others still are.
			_ = w.follow()
			// Other files of the folder change, too. What came to be there before it was
			// watched is seen now.
			if now := stampOf(w.path); now != w.seen || filepath.Base(e.Name) == filepath.Base(w.path) {
				w.seen = now
				settled.Reset(settleTime)
			}
		case <-w.notify.Errors: // events may be lost
			settled.Reset(settleTime)
		case <-settled.C:
			select {
			case w.changed <- struct{}{}:
			default:
			}
		case <-ctx.Done():
			return
		}
	}
}

// follow watches the folders that decide what path stands for, and no others.
func (w *watcher) follow() error {
	now, err := foldersOf(w.path)
	if err != nil {
		return err
	}
	for _, dir := range now {
		// Also a known one: it may be another of the same name.
		if addErr := w.notify.Add(dir); addErr != nil && err == nil {
			err = addErr
		}
	}
	for _, dir := range w.folders {
		if !slices.Contains(now, dir) {
			_ = w.notify.Remove(dir) // it may be gone
		}
	}
	w.folders = now
	return err
}

// maxLinks bounds symbolic links that lead in a circle.
const maxLinks = 40

// foldersOf lists the folder of every symbolic link on the way of path, and that of
// the file; where the way is broken, the last folder that there is.
func foldersOf(path string) ([]string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	root, rest := filepath.VolumeName(path)+string(filepath.Separator), parts(path)
	var folders []string
	add := func(dir string) {
		if !slices.Contains(folders, dir) {
			folders = append(folders, dir)
		}
	}
	at, links := root, 0
	for len(rest) > 0 {
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		info, err := os.Lstat(next)
		switch {
		case err != nil:
			add(at)
			return folders, nil
		case info.Mode()&os.ModeSymlink != 0:
			add(at)
			target, err := os.Readlink(next)
			if links++; err != nil || links > maxLinks {
				return folders, nil
			}
			if filepath.IsAbs(target) {
				at = root
			}
			rest = append(parts(target), rest...)
		case len(rest) == 0:
			add(at)
		default:
			at = next
		}
	}
	return folders, nil
}

// parts are the names in a path; ".." stays for filepath.Join to resolve.
func parts(path string) []string {
	return strings.FieldsFunc(path[len(filepath.VolumeName(path)):], func(r rune) bool { return r == filepath.Separator })
}

// stamp tells one state of a file from another.
type stamp struct {
	real string // what the name stands for
	size int64
	time time.Time
}

func stampOf(path string) stamp {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return stamp{}
	}
	info, err := os.Stat(real)
	if err != nil {
		return stamp{}
	}
	return stamp{real, info.Size(), info.ModTime()}
}
