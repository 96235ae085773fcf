package mot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadSeqInfo(t *testing.T) {
	want := SeqInfo{Name: "MOT17-02-FRCNN", FrameRate: 30, Length: 600, Width: 1920, Height: 1080}
	for name, text := range map[string]string{
		"plain":       "[Sequence]\nname=MOT17-02-FRCNN\nimDir=img1\nframeRate=30\nseqLength=600\nimWidth=1920\nimHeight=1080\nimExt=.jpg\n\n",
		"CRLF":        "[Sequence]\r\nname=MOT17-02-FRCNN\r\nframeRate=30\r\nseqLength=600\r\nimWidth=1920\r\nimHeight=1080",
		"other style": "\ufeff; made by hand\n[Other]\nseqLength=oops\n[ Sequence ]\nNAME = MOT17-02-FRCNN\nframerate = 30.0\n# yes\nseqlength = 600\nimwidth=1920\nimheight=1080\n",
	} {
		path := filepath.Join(t.TempDir(), "seqinfo.ini")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadSeqInfo(path)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestReadSeqInfoRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"[Sequence]\nframeRate=fast": `f.ini:2: frameRate "fast": expected a number of frames a second above 0`,
		"[Sequence]\nframeRate=0":    `frameRate "0"`,
		"[Sequence]\nframeRate=NaN":  `frameRate "NaN"`,
		"[Sequence]\nseqLength=-5":   `seqLength "-5": expected an integer of 1 or more`,
		"[Sequence]\nimWidth=1.5":    `imWidth "1.5"`,
		"[Sequence]\nseqLength":      `f.ini:2: line "seqLength": expected key=value or [section]`,
		"":                           "f.ini: no name",
		"name=outside":               "f.ini: no name",
	} {
		if got, err := parseSeqInfo("f.ini", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v; want an error with %q", text, got, err, want)
		}
	}
	if _, err := ReadSeqInfo(filepath.Join(t.TempDir(), "seqinfo.ini")); !os.IsNotExist(err) {
		t.Errorf("missing file: %v", err)
	}
}

func FuzzSeqInfo(f *testing.F) {
	f.Add("[Sequence]\nname=a\nframeRate=29.97\nseqLength=600\nimWidth=1920\nimHeight=1080\n")
	f.Add("[Sequence]\n[\n]=[\n=\nname")
	f.Fuzz(func(t *testing.T, text string) {
		info, err := parseSeqInfo("f", text)
		if err == nil && (info.FrameRate < 0 || info.Length < 0 || info.Width < 0 || info.Height < 0) {
			t.Errorf("%q gives %+v", text, info)
		}
	})
}
