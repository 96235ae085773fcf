package backbones

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"
)

// Placement says on which execution providers the nodes of a network run, most
// nodes first. A provider that compiles parts of the graph counts each as one node.
type Placement []ProviderNodes

// ProviderNodes is how many nodes one provider runs.
type ProviderNodes struct {
	Provider string `json:"provider"` // as in CPU, CUDA, OpenVINO
	Nodes    int    `json:"nodes"`
}

// String is as in "CUDA 118, CPU 2".
func (p Placement) String() string {
	parts := make([]string, len(p))
	for i, n := range p {
		parts[i] = fmt.Sprintf("%s %d", n.Provider, n.Nodes)
	}
	return strings.Join(parts, ", ")
}

// On is the number of nodes that a provider runs.
func (p Placement) On(provider string) int {
	for _, n := range p {
		if n.Provider == provider {
			return n.Nodes
		}
	}
	return 0
}

// Placement counts the nodes on every provider, by what ONNX Runtime reports of an
// inference in a session of its own.
func (m *Model) Placement() (Placement, error) {
	if m.placement != nil {
		return m.placement, nil
	}
	data, _, err := m.manifest.runnable(m.decoder, m.device)
	if err != nil {
		return nil, err
	}
	return m.place(data)
}

// place profiles one inference.
func (m *Model) place(data []byte) (_ Placement, err error) {
	dir, err := os.MkdirTemp("", "tracker-profile-")
	if err != nil {
		return nil, fmt.Errorf("count nodes: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	profiled := *m
	if profiled.session, err = m.newSession(data, func(so *ort.SessionOptions) error {
		m.announceBuild()
		return so.EnableProfiling(filepath.Join(dir, "profile"))
	}); err != nil {
		return nil, err
	}
	err = profiled.runOnce()
	if err = errors.Join(err, profiled.session.Destroy()); err != nil { // which writes the profile
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) != 1 {
		return nil, fmt.Errorf("count nodes: ONNX Runtime wrote %d profiles, want 1 (%v)", len(files), err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return nil, fmt.Errorf("count nodes: %w", err)
	}
	return parseProfile(text)
}

// runOnce runs the network on a blank picture.
func (m *Model) runOnce() error {
	input, err := newInputTensor(&m.manifest.Input)
	if err != nil {
		return err
	}
	_, err = m.measure(input)
	return errors.Join(err, input.Destroy())
}

// parseProfile reads a profile of ONNX Runtime: a JSON list of events, of which
// those named NODE_kernel_time say which provider ran the node.
func parseProfile(text []byte) (Placement, error) {
	var events []struct {
		Name string
		Args struct{ Provider string }
	}
	if err := json.Unmarshal(text, &events); err != nil {
		return nil, fmt.Errorf("count nodes: read profile: %w", err)
	}
	nodes := map[string]int{}
	seen := map[string]bool{}
	for _, e := range events {
		if !strings.HasSuffix(e.Name, "_kernel_time") || e.Args.Provider == "" || seen[e.Name] {
			continue
		}
		seen[e.Name] = true
		nodes[strings.TrimSuffix(e.Args.Provider, "ExecutionProvider")]++
	}
	if len(nodes) == 0 {
		return nil, errors.New("count nodes: the profile names none")
	}
	var p Placement
	for name, n := range nodes {
		p = append(p, ProviderNodes{name, n})
	}
	slices.SortFunc(p, func(a, b ProviderNodes) int {
		return cmp.Or(cmp.Compare(b.Nodes, a.Nodes), cmp.Compare(a.Provider, b.Provider))
	})
	return p, nil
}
