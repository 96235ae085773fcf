package mot_test

import (
	"encoding/csv"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tracker-go/tracker/track/mot"
)

// tolerance is for sums taken in another order than TrackEval's.
const tolerance = 1e-9

// dataDir finds the benchmarks' data, which is not part of the repository.
func dataDir(t testing.TB, folder string) string {
	t.Helper()
	root := os.Getenv("TRACKER_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	dir := filepath.Join(root, folder)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no %s: set TRACKER_DATA to the folder that holds it", dir)
	}
	return dir
}

func readRows(t testing.TB, path string) []mot.Row {
	t.Helper()
	rows, err := mot.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestParity compares every figure of a published tracker's results on seven
// MOT17 sequences with what TrackEval printed.
func TestParity(t *testing.T) {
	dir := dataDir(t, "eval_parity")
	for name, want := range readCSV(t, filepath.Join(dir, "expected_per_sequence.csv")) {
		t.Run(name, func(t *testing.T) {
			info, err := mot.ReadSeqInfo(filepath.Join(dir, "gt", name, "seqinfo.ini"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := mot.Evaluate(
				readRows(t, filepath.Join(dir, "gt", name, "gt", "gt.txt")),
				readRows(t, filepath.Join(dir, "results", name+".txt")),
				mot.Options{Benchmark: mot.MOT17, Frames: info.Length})
			if err != nil {
				t.Fatal(err)
			}
			compareFigures(t, trackEvalFigures(&got), want)
		})
	}
}

// compareFigures wants each figure of TrackEval to be there and equal.
func compareFigures(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for key, w := range want {
		g, ok := got[key]
		if !ok {
			t.Errorf("%s is missing", key)
		} else if math.Abs(g-w) > tolerance*max(1, math.Abs(w)) {
			t.Errorf("%s = %v, want %v", key, g, w)
		}
	}
}

// readCSV reads a table whose first column names the row.
func readCSV(t *testing.T, path string) map[string]map[string]float64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	table := make(map[string]map[string]float64)
	for _, line := range lines[1:] {
		row := make(map[string]float64)
		for i, text := range line[1:] {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			row[lines[0][i+1]] = v
		}
		table[line[0]] = row
	}
	return table
}

// trackEvalFigures lists a result under TrackEval's names.
func trackEvalFigures(r *mot.Result) map[string]float64 {
	h, c, id, n := &r.HOTA, &r.CLEAR, &r.Identity, &r.Count
	figures := map[string]float64{
		"HOTA(0)": h.HOTA[0], "LocA(0)": h.LocA[0], "HOTALocA(0)": h.HOTA[0] * h.LocA[0],
		"MOTA": c.MOTA, "MOTP": c.MOTP, "MODA": c.MODA, "MOTAL": c.MOTAL, "sMOTA": c.SMOTA,
		"CLR_Re": c.Recall, "CLR_Pr": c.Precision, "CLR_F1": c.F1,
		"MTR": c.MTR, "PTR": c.PTR, "MLR": c.MLR,
		"FP_per_frame": c.FPPerFrame, "MOTP_sum": c.MOTPSum, "CLR_Frames": float64(c.Frames),
		"CLR_TP": float64(c.TP), "CLR_FN": float64(c.FN), "CLR_FP": float64(c.FP),
		"IDSW": float64(c.IDSW), "Frag": float64(c.Frag),
		"MT": float64(c.MT), "PT": float64(c.PT), "ML": float64(c.ML),
		"IDF1": id.IDF1, "IDR": id.IDR, "IDP": id.IDP,
		"IDTP": float64(id.IDTP), "IDFN": float64(id.IDFN), "IDFP": float64(id.IDFP),
		"Dets": float64(n.Dets), "GT_Dets": float64(n.GTDets), "IDs": float64(n.IDs), "GT_IDs": float64(n.GTIDs),
	}
	perAlpha := func(name string, values mot.Alphas) {
		for a, v := range values {
			figures[fmt.Sprintf("%s___%d", name, 5*(a+1))] = v
		}
		figures[name+"___AUC"] = values.Mean()
	}
	perAlpha("HOTA", h.HOTA)
	perAlpha("DetA", h.DetA)
	perAlpha("AssA", h.AssA)
	perAlpha("DetRe", h.DetRe)
	perAlpha("DetPr", h.DetPr)
	perAlpha("AssRe", h.AssRe)
	perAlpha("AssPr", h.AssPr)
	perAlpha("LocA", h.LocA)
	perAlpha("OWTA", h.OWTA)
	var tp, fn, fp mot.Alphas
	for a := range tp {
		tp[a], fn[a], fp[a] = float64(h.TP[a]), float64(h.FN[a]), float64(h.FP[a])
	}
	perAlpha("HOTA_TP", tp)
	perAlpha("HOTA_FN", fn)
	perAlpha("HOTA_FP", fp)
	return figures
}

// goldenFrames is the length of the sequences that generate.py makes.
const goldenFrames = 40

// TestGolden compares small sequences, some of them degenerate, and their
// combination with TrackEval; testdata/trackeval/generate.py makes them.
func TestGolden(t *testing.T) {
	tables, err := filepath.Glob("testdata/trackeval/*/expected.csv")
	if err != nil || len(tables) == 0 {
		t.Fatal("no cases in testdata/trackeval", err)
	}
	for _, table := range tables {
		dir := filepath.Dir(table)
		name, _, _ := strings.Cut(filepath.Base(dir), "-")
		bench, err := mot.ParseBenchmark(name)
		if err != nil {
			t.Fatal(err)
		}
		expected := readCSV(t, table)
		var all []mot.Result
		for _, seq := range slices.Sorted(maps.Keys(expected)) {
			if seq == "COMBINED" {
				continue
			}
			got, err := mot.Evaluate(
				readRows(t, filepath.Join(dir, seq+".gt.txt")),
				readRows(t, filepath.Join(dir, seq+".results.txt")),
				mot.Options{Benchmark: bench, Frames: goldenFrames})
			if err != nil {
				t.Fatalf("%s: %v", seq, err)
			}
			all = append(all, got)
			t.Run(filepath.Base(dir)+"/"+seq, func(t *testing.T) {
				compareFigures(t, trackEvalFigures(&got), expected[seq])
			})
		}
		t.Run(filepath.Base(dir)+"/COMBINED", func(t *testing.T) {
			got := mot.Combine(all)
			compareFigures(t, trackEvalFigures(&got), expected["COMBINED"])
		})
	}
}
