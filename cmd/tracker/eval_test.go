package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// execution is what a command did.
type execution struct {
	stdout, stderr string
	err            error
}

// execCommand runs a command as the program does, with flags that are wrong
// being errors of usage.
func execCommand(cmd *cobra.Command, stdin io.Reader, args ...string) execution {
	var stdout, stderr bytes.Buffer
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageErrorf("%w", err) })
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	cmd.SetIn(stdin)
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	err := cmd.Execute()
	return execution{stdout.String(), stderr.String(), err}
}

// put writes files below a new folder, which it returns.
func put(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// data finds a folder of the benchmarks' data, which is not in the repository.
func data(t *testing.T, folder string) string {
	t.Helper()
	root := os.Getenv("TRACKER_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	dir := filepath.Join(root, filepath.FromSlash(folder))
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no %s: set TRACKER_DATA to the folder that holds it", dir)
	}
	return dir
}

const (
	// One person over two frames, a static one beside.
	smallTruth   = "1,1,0,0,10,10,1,1,1\n2,1,0,0,10,10,1,1,1\n1,2,100,0,10,10,0,7,1\n"
	smallResults = "1,5,0,0,10,10,1,-1,-1,-1\n2,6,0,0,10,10,1,-1,-1,-1\n1,7,100,0,10,10,1,-1,-1,-1\n"
)

// scores reads the JSON output.
func scores(t *testing.T, text string) map[string]map[string]float64 {
	t.Helper()
	var table map[string]map[string]float64
	if err := json.Unmarshal([]byte(text), &table); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return table
}

func TestEvalJSON(t *testing.T) {
	dir := put(t, map[string]string{"MOT17-02/gt/gt.txt": smallTruth, "out.txt": smallResults})
	got := execCommand(newEvalCommand(), nil, "--json", "--gt", dir+"/MOT17-02/gt/gt.txt", "--results", dir+"/out.txt")
	if got.err != nil {
		t.Fatal(got.err)
	}
	if want := "tracker: MOT17-02 scored as mot17 (told from the name; --benchmark overrules)\n"; got.stderr != want {
		t.Errorf("stderr %q, want %q", got.stderr, want)
	}
	table := scores(t, got.stdout)
	if len(table) != 2 {
		t.Errorf("rows: %v", table)
	}
	for _, row := range []string{"MOT17-02", "COMBINED"} {
		for key, want := range map[string]float64{
			"HOTA": math.Sqrt(0.5), "DetA": 1, "AssA": 0.5, "LocA": 1, "MOTA": 0.5, "MOTP": 1, "IDF1": 0.5,
			"IDSW": 1, "FP": 0, "FN": 0, "Frag": 0, "MT": 1, "PT": 0, "ML": 0,
		} {
			if v, ok := table[row][key]; !ok || math.Abs(v-want) > 1e-9 {
				t.Errorf("%s %s = %v, %v, want %v", row, key, v, ok, want)
			}
		}
	}
}

func TestEvalLayouts(t *testing.T) {
	dir := put(t, map[string]string{
		"gt/MOT17-02/gt/gt.txt":   smallTruth,
		"gt/MOT17-02/seqinfo.ini": "[Sequence]\nseqLength=2\n",
		"gt/[b]/gt/gt.txt":        smallTruth,
		"gt/notes/readme.txt":     "not a sequence",
		"truth.txt":               smallTruth,
		"res/MOT17-02.txt":        smallResults,
		"res/[b].txt":             smallResults,
		"res/truth.txt":           smallResults,
	})
	tests := []struct{ gt, results, rows string }{
		{"gt/MOT17-02/gt/gt.txt", "res/MOT17-02.txt", "MOT17-02"},
		{"gt/MOT17-02/gt/gt.txt", "res", "MOT17-02"},
		{"gt/MOT17-02", "res", "MOT17-02"},
		{"gt/MOT17-02", "res/MOT17-02.txt", "MOT17-02"},
		{"gt", "res", "MOT17-02 [b]"},
		{"truth.txt", "res", "truth"},
		{"truth.txt", "-", "truth"},
	}
	for _, test := range tests {
		results := filepath.Join(dir, test.results)
		if test.results == "-" {
			results = "-"
		}
		got := execCommand(newEvalCommand(), strings.NewReader(smallResults),
			"--gt", filepath.Join(dir, test.gt), "--results", results)
		if got.err != nil {
			t.Errorf("%+v: %v", test, got.err)
			continue
		}
		lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
		for i, row := range append(strings.Fields(test.rows), "COMBINED") {
			if i+1 >= len(lines) || !strings.HasPrefix(lines[i+1], row+" ") {
				t.Errorf("%+v: row %d should be %s in\n%s", test, i+1, row, got.stdout)
			}
		}
	}
	got := execCommand(newEvalCommand(), nil, "--gt", dir+"/gt", "--results", dir+"/res")
	for _, want := range []string{
		"MOT17-02 scored as mot17", "[b] scored as generic (the name tells no benchmark",
		"res/truth.txt is not scored",
	} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("stderr lacks %q:\n%s", want, got.stderr)
		}
	}
}

func TestEvalTable(t *testing.T) {
	dir := put(t, map[string]string{"gt.txt": smallTruth, "out.txt": smallResults})
	got := execCommand(newEvalCommand(), nil, "--gt", dir+"/gt.txt", "--results", dir+"/out.txt", "--benchmark", "mot15")
	want := "" +
		"             HOTA     DetA     AssA     LocA     MOTA     MOTP     IDF1   IDSW     FP     FN   Frag     MT     PT     ML\n" +
		"gt         57.735   66.667   50.000  100.000    0.000  100.000   40.000      1      1      0      0      1      0      0\n" +
		"COMBINED   57.735   66.667   50.000  100.000    0.000  100.000   40.000      1      1      0      0      1      0      0\n"
	if got.err != nil || got.stdout != want {
		t.Errorf("%v, got\n%s\nwant\n%s", got.err, got.stdout, want)
	}
	if got.stderr != "" {
		t.Errorf("the benchmark was given, yet stderr has %q", got.stderr)
	}
}

func TestEvalRefuses(t *testing.T) {
	dir := put(t, map[string]string{
		"gt/a/gt/gt.txt": smallTruth, "gt/b/gt/gt.txt": smallTruth, "gt/c/gt/gt.txt": smallTruth,
		"res/a.txt":         smallResults,
		"bad.txt":           "1,1,0,0,10,10\n1,2,0,0,ten,10\n",
		"twice.txt":         "1,1,0,0,10,10\n1,1,5,0,10,10\n",
		"empty.txt":         "",
		"nothing/x":         "",
		"short/s/gt/gt.txt": smallTruth, "short/s/seqinfo.ini": "[Sequence]\nseqLength=1\n",
	})
	a := dir + "/gt/a/gt/gt.txt"
	tests := []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"no truth", []string{"--results", dir}, exitUsage, []string{"--gt"}},
		{"no results", []string{"--gt", a}, exitUsage, []string{"--results"}},
		{"unknown flag", []string{"--truth", a}, exitUsage, []string{"--truth"}},
		{"stray word", []string{a}, exitUsage, []string{"unexpected argument"}},
		{"unknown benchmark", []string{"--gt", a, "--results", dir + "/res", "--benchmark", "coco"}, exitUsage, []string{"--benchmark", `"coco"`, "mot17"}},
		{"truth missing", []string{"--gt", dir + "/none", "--results", dir}, exitFailed, []string{"read ground truth", "/none"}},
		{"results missing", []string{"--gt", a, "--results", dir + "/none.txt"}, exitFailed, []string{"read results", "none.txt"}},
		{"results of sequences missing", []string{"--gt", dir + "/gt", "--results", dir + "/res"}, exitFailed,
			[]string{"no <sequence>.txt in ", "/res for b, c"}},
		{"one file for three", []string{"--gt", dir + "/gt", "--results", dir + "/res/a.txt"}, exitUsage, []string{"3 sequences", "one file"}},
		{"no sequences", []string{"--gt", dir + "/nothing", "--results", dir}, exitFailed, []string{"neither gt/gt.txt nor"}},
		{"bad row", []string{"--gt", a, "--results", dir + "/bad.txt"}, exitFailed, []string{`bad.txt:2: width "ten": expected a number of pixels`}},
		{"bad truth", []string{"--gt", dir + "/bad.txt", "--results", dir + "/res/a.txt"}, exitFailed, []string{"read ground truth", "bad.txt:2"}},
		{"id twice", []string{"--gt", a, "--results", dir + "/twice.txt"}, exitFailed, []string{"score a: results: frame 1: id 1 is there twice"}},
		{"no truth that counts", []string{"--gt", dir + "/empty.txt", "--results", dir + "/res/a.txt"}, exitFailed, []string{"empty.txt", "no box that counts"}},
		{"beyond the end", []string{"--gt", dir + "/short", "--results", dir + "/res/a.txt"}, exitFailed, []string{"frame 2", "frames 1 to 1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := execCommand(newEvalCommand(), nil, test.args...)
			if exitCode(got.err) != test.code || got.stdout != "" {
				t.Errorf("exit code %d, want %d; error %v; stdout %q", exitCode(got.err), test.code, got.err, got.stdout)
			}
			for _, want := range test.want {
				if got.err != nil && !strings.Contains(got.err.Error(), want) {
					t.Errorf("error %q does not say %q", got.err, want)
				}
			}
		})
	}
}

func TestEvalEmptyResults(t *testing.T) {
	dir := put(t, map[string]string{"gt.txt": smallTruth, "out.txt": ""})
	got := execCommand(newEvalCommand(), nil, "--gt", dir+"/gt.txt", "--results", dir+"/out.txt", "--json")
	if got.err != nil || !strings.Contains(got.stderr, "the results of gt are empty") {
		t.Errorf("%v, stderr %q", got.err, got.stderr)
	}
	if fn := scores(t, got.stdout)["COMBINED"]["FN"]; fn != 2 {
		t.Errorf("FN = %v, want 2", fn)
	}
}

// TestEvalParity scores a published tracker on seven sequences; the combined
// figures are TrackEval's.
func TestEvalParity(t *testing.T) {
	dir := data(t, "eval_parity")
	got := execCommand(newEvalCommand(), nil, "--gt", dir+"/gt", "--results", dir+"/results", "--json")
	if got.err != nil {
		t.Fatal(got.err)
	}
	table := scores(t, got.stdout)
	if len(table) != 8 {
		t.Errorf("%d rows, want 7 sequences and COMBINED", len(table))
	}
	for key, want := range map[string]float64{
		"HOTA": 0.7527243791636786, "DetA": 0.7975035993470891, "AssA": 0.714648807468786, "LocA": 0.8962563521754611,
		"MOTA": 0.9032031131731034, "MOTP": 0.8846642870919683, "IDF1": 0.8185881957044697,
		"IDSW": 535, "FP": 2822, "FN": 7513, "Frag": 572, "MT": 433, "PT": 90, "ML": 23,
	} {
		if v := table["COMBINED"][key]; math.Abs(v-want) > 1e-9 {
			t.Errorf("%s = %v, want %v", key, v, want)
		}
	}
	if want := "MOT17-02-FRCNN and 6 more scored as mot17"; !strings.Contains(got.stderr, want) {
		t.Errorf("stderr %q lacks %q", got.stderr, want)
	}
}
