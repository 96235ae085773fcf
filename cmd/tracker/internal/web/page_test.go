package web

import (
	"bytes"
	"math"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// A page asks for no pictures of an input that stands still: of six such, its requests would
// hold all connections of a browser.
func TestPageLeavesConnections(t *testing.T) {
	t.Parallel()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	run := someRun()
	feed := run.Inputs[0].Feed
	page := exec.CommandContext(t.Context(), browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(), "--remote-debugging-port=0", open(t, run).URL())
	if err := page.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = page.Process.Kill(); _ = page.Wait() }()
	wanted := func() bool { return feed.Due(time.Now().Add(time.Hour)) }
	for end := time.Now().Add(time.Minute); !wanted(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the page asks for no picture")
		}
		feed.Note(Moment{})
	}
	time.Sleep(pictureIn + 3*time.Second) // no frames come any more, and the last request has ended
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if wanted() {
			t.Fatal("the page waits for a picture of an input that stands still")
		}
	}
}

// luminance is that of #rrggbb or #rgb, as WCAG 2 has it.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	hex := colour[1:]
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// Text can be read, by day and by night: its contrast is at least 4.5 (WCAG 2, level AA).
func TestContrast(t *testing.T) {
	schemes := regexp.MustCompile(`:root {([^}]*)}`).FindAllSubmatch(page, -1)
	if len(schemes) != 2 {
		t.Fatalf("%d colour schemes", len(schemes))
	}
	colours := map[string]string{"white": "#fff"}
	for _, scheme := range schemes { // the second changes what differs from the first
		for _, c := range regexp.MustCompile(`--(\w+): (#\w+)`).FindAllSubmatch(scheme[1], -1) {
			colours[string(c[1])] = string(c[2])
		}
		for _, pair := range [][2]string{{"text", "bg"}, {"dim", "bg"}, {"text", "card"}, {"dim", "card"}, {"good", "card"}, {"bad", "card"}, {"white", "alarm"}} {
			a, b := luminance(t, colours[pair[0]]), luminance(t, colours[pair[1]])
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 4.5 {
				t.Errorf("%s on %s: %.2f in %s", pair[0], pair[1], ratio, bytes.TrimSpace(scheme[1]))
			}
		}
	}
}
