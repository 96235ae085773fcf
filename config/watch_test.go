package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// tree is a folder in which a file is changed in all the ways there are.
type tree struct {
	t   *testing.T
	dir string
}

func (d tree) path(name string) string { return filepath.Join(d.dir, name) }

func (d tree) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d tree) do(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// replace is how editors save: the new file takes the old one's name.
func (d tree) replace(name, text string) {
	d.t.Helper()
	d.write(name+"~", text)
	d.do(os.Rename(d.path(name+"~"), d.path(name)))
}

// swap lets a link point elsewhere in one step.
func (d tree) swap(link, target string) {
	d.t.Helper()
	d.do(os.Symlink(target, d.path(link+".new")))
	d.do(os.Rename(d.path(link+".new"), d.path(link)))
}

func awaitChange(t *testing.T, what string, changed <-chan struct{}) {
	t.Helper()
	select {
	case <-changed:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: nobody noticed", what)
	}
}

// Every way to change a file is noticed, again and again.
func TestWatch(t *testing.T) {
	for _, tc := range []struct {
		name   string
		begin  func(d tree)
		change func(d tree, round int)
	}{
		{"written in place", nil, func(d tree, n int) { d.write("c.yaml", fmt.Sprint("conf: 0.", n)) }},
		{"replaced", nil, func(d tree, n int) { d.replace("c.yaml", fmt.Sprint("conf: 0.", n)) }},
		{"removed and made again", nil, func(d tree, n int) {
			d.do(os.Remove(d.path("c.yaml")))
			time.Sleep(2 * settleTime)
			d.write("c.yaml", fmt.Sprint("conf: 0.", n))
		}},
		{"a link to another file", func(d tree) {
			d.do(os.Remove(d.path("c.yaml")))
			d.write("0.yaml", "conf: 0.5")
			d.do(os.Symlink("0.yaml", d.path("c.yaml")))
		}, func(d tree, n int) {
			d.write(fmt.Sprint(n, ".yaml"), fmt.Sprint("conf: 0.", n))
			d.swap("c.yaml", fmt.Sprint(n, ".yaml"))
		}},
		{"a file elsewhere that a link leads to", func(d tree) {
			d.do(os.Remove(d.path("c.yaml")))
			d.do(os.Mkdir(d.path("there"), 0o700))
			d.write("there/real.yaml", "conf: 0.5")
			d.do(os.Symlink("there/real.yaml", d.path("c.yaml")))
		}, func(d tree, n int) { d.write("there/real.yaml", fmt.Sprint("conf: 0.", n)) }},
		{"a ConfigMap", func(d tree) {
			d.do(os.Remove(d.path("c.yaml")))
			d.do(os.Mkdir(d.path("..0"), 0o700))
			d.write("..0/c.yaml", "conf: 0.5")
			d.do(os.Symlink("..0", d.path("..data")))
			d.do(os.Symlink("..data/c.yaml", d.path("c.yaml")))
		}, func(d tree, n int) {
			next := fmt.Sprint("..", n)
			d.do(os.Mkdir(d.path(next), 0o700))
			d.write(next+"/c.yaml", fmt.Sprint("conf: 0.", n))
			d.swap("..data", next)
			d.do(os.RemoveAll(d.path(fmt.Sprint("..", n-1))))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := tree{t, t.TempDir()}
			d.write("c.yaml", "conf: 0.5")
			if tc.begin != nil {
				tc.begin(d)
			}
			changed, err := Watch(t.Context(), d.path("c.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			for round := 1; round < 5; round++ {
				tc.change(d, round)
				awaitChange(t, fmt.Sprint("round ", round), changed)
				want := fmt.Sprint("conf: 0.", round)
				for deadline := time.Now().Add(20 * time.Second); ; {
					text, err := os.ReadFile(d.path("c.yaml"))
					if err == nil && string(text) == want {
						break
					}
					if time.Now().After(deadline) {
						t.Fatalf("round %d: %q, %v", round, text, err)
					}
					awaitChange(t, fmt.Sprint("round ", round, " again"), changed)
				}
				for drained := false; !drained; { // what the same change still brings
					select {
					case <-changed:
					case <-time.After(3 * settleTime):
						drained = true
					}
				}
			}
		})
	}
}

// Who writes in steps is waited for; what happens beside the file is nobody's business.
func TestWatchWaitsForTheEnd(t *testing.T) {
	d := tree{t, t.TempDir()}
	d.write("c.yaml", "")
	ctx, stop := context.WithCancel(t.Context())
	changed, err := Watch(ctx, d.path("c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d.write("other.yaml", "conf: 1")
	select {
	case <-changed:
		t.Error("another file was taken for this one")
	case <-time.After(3 * settleTime):
	}
	text := ""
	for range 5 {
		text += "# a line\n"
		d.write("c.yaml", text)
		time.Sleep(settleTime / 5)
	}
	awaitChange(t, "steps", changed)
	if got, _ := os.ReadFile(d.path("c.yaml")); string(got) != text {
		t.Error("noticed before its end")
	}
	stop()
	for range changed {
	}
}

// A watch that has ended leaves nothing behind.
func TestWatchEnds(t *testing.T) {
	before := runtime.NumGoroutine()
	d := tree{t, t.TempDir()}
	for range 20 {
		ctx, stop := context.WithCancel(t.Context())
		changed, err := Watch(ctx, d.path("not-yet.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		stop()
		for range changed {
		}
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}
