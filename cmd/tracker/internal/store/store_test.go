//go:build linux

package store

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
	"github.com/tracker-go/tracker/cmd/tracker/internal/store/storetest"
)

// setEnv is the environment of the test, and no other that leads to a store.
func setEnv(t *testing.T, env ...string) {
	t.Helper()
	for _, name := range []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}

func open(t *testing.T, out string) *Bucket {
	t.Helper()
	b, err := opening(t, out, OpenPatience)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// opening opens an address for a test to which it has nothing to tell.
func opening(t *testing.T, out string, patience time.Duration) (*Bucket, error) {
	t.Helper()
	a, err := Parse(out)
	if err != nil {
		t.Fatal(err)
	}
	return a.Open(t.Context(), patience, func(message string) { t.Errorf("told: %s", message) })
}

// results makes those of an input named a, with that text, in a folder.
func results(t *testing.T, key, text string) (folder string, m *batch.Manifest) {
	t.Helper()
	folder = t.TempDir()
	m = &batch.Manifest{Status: batch.Done, Key: key}
	for _, name := range []string{"in/a.txt", "in/a.jsonl"} {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
		s, err := batch.Digest(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		m.Outputs = append(m.Outputs, batch.Output{Path: name, Bytes: s.Bytes, SHA256: s.SHA256})
	}
	if err := m.Write(filepath.Join(folder, "in", "a.manifest.json")); err != nil {
		t.Fatal(err)
	}
	return folder, m
}

const manifest = "in/a.manifest.json"

func TestParse(t *testing.T) {
	setEnv(t)
	for out, want := range map[string]string{
		"s3://bucket": "s3://bucket", "s3://bucket/": "s3://bucket", "s3://bucket/a//b/": "s3://bucket/a/b", "s3://bucket/../a": "s3://bucket/a",
	} {
		if a, err := Parse(out); err != nil || a.String() != want || a.host != "s3.amazonaws.com" || !a.secure {
			t.Errorf("%s: %+v, %v", out, a, err)
		}
	}
	for _, out := range []string{"s3://", "s3:///prefix", "s3://a b/c", "s3://ab"} {
		if _, err := Parse(out); err == nil || !strings.Contains(err.Error(), "want s3://BUCKET/PREFIX") {
			t.Errorf("%s: error %v", out, err)
		}
	}
	for _, server := range []string{"localhost:9000", "ftp://host", "http://", "http://user:secret@host", "http://host/path"} {
		t.Setenv("AWS_ENDPOINT_URL_S3", server)
		if _, err := Parse("s3://bucket"); err == nil || !strings.Contains(err.Error(), "AWS_ENDPOINT_URL") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v", server, err)
		}
	}
	// Each place has a folder of its own.
	seen := make(map[string]bool)
	for _, server := range []string{"http://one", "http://two"} {
		for _, out := range []string{"s3://bucket/a", "s3://bucket/b"} {
			t.Setenv("AWS_ENDPOINT_URL_S3", server)
			a, err := Parse(out)
			if err != nil {
				t.Fatal(err)
			}
			folder, err := a.Scratch("root")
			if err != nil || seen[folder] || filepath.Dir(folder) != "root" {
				t.Errorf("folder %s, %v", folder, err)
			}
			seen[folder] = true
		}
	}
}

// What is wrong with the place is said in a line, with what to do.
func TestOpenSaysWhy(t *testing.T) {
	server := storetest.Start(t, "bucket")
	for _, c := range []struct {
		name, out, want string
		env             []string
	}{
		{"no keys", "s3://bucket/x", "no credentials: set AWS_ACCESS_KEY_ID", []string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="}},
		{"unknown key", "s3://bucket/x", "put s3://bucket/x/.writable at 127.0.0.1", []string{"AWS_ACCESS_KEY_ID=nobody"}},
		{"unknown key", "s3://bucket/x", "; check AWS_ACCESS_KEY_ID", []string{"AWS_ACCESS_KEY_ID=nobody"}},
		{"wrong key", "s3://bucket/x", "(SignatureDoesNotMatch); check AWS_SECRET_ACCESS_KEY", []string{"AWS_SECRET_ACCESS_KEY=wrong"}},
		{"no bucket", "s3://nowhere/x", "(NoSuchBucket); make the bucket first", nil},
		{"no server", "s3://bucket/x", "connection refused; see that AWS_ENDPOINT_URL is right", []string{"AWS_ENDPOINT_URL=http://127.0.0.1:1"}},
		{"no TLS", "s3://bucket/x", "HTTP response to HTTPS client", []string{"AWS_ENDPOINT_URL=" + strings.Replace(strings.TrimPrefix(server.Env()[0], "AWS_ENDPOINT_URL="), "http:", "https:", 1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			setEnv(t, append(server.Env(), c.env...)...)
			if _, err := opening(t, c.out, OpenPatience); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	// A file with keys does, too, and trying leaves nothing there.
	setEnv(t, server.Env()...)
	file := filepath.Join(t.TempDir(), "credentials")
	text := fmt.Sprintf("[me]\naws_access_key_id = %s\naws_secret_access_key = %s\n", os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"AWS_SHARED_CREDENTIALS_FILE": file, "AWS_PROFILE": "me", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""} {
		t.Setenv(name, value)
	}
	b := open(t, "s3://bucket/x")
	if there, err := b.stat(t.Context(), ".writable"); err != nil || there.Path != "" {
		t.Errorf("%+v, %v", there, err)
	}
}

// A certificate that does not hold is not waited for, and said in a line, with what to do;
// one that the environment trusts is as good as any.
func TestTLS(t *testing.T) {
	server := storetest.StartTLS(t, "bucket", time.Now().Add(24*time.Hour))
	expired := storetest.StartTLS(t, "bucket", time.Now().Add(-time.Hour))
	none := filepath.Join(t.TempDir(), "none.pem")
	byName := strings.Replace(server.Env()[0], "127.0.0.1", "localhost", 1)
	for _, c := range []struct {
		name     string
		patience time.Duration
		trusts   string
		want     string
		env      []string
	}{
		{"not trusted", WorkPatience, "", "signed by unknown authority; name a file with the certificate of its authority (PEM) in SSL_CERT_FILE", server.Env()},
		{"trusts another", WorkPatience, expired.Certificate, "; SSL_CERT_FILE " + expired.Certificate + " has others; name a file", server.Env()},
		{"trusts no file", WorkPatience, none, "authority; SSL_CERT_FILE cannot be read: open " + none + ": no such file or directory; name a file", server.Env()},
		{"trusts nothing", WorkPatience, os.DevNull, "authority; SSL_CERT_FILE " + os.DevNull + " has no certificate (PEM); name a file", server.Env()},
		{"of another name", WorkPatience, server.Certificate, "; give AWS_ENDPOINT_URL a name that is in the certificate", append(server.Env(), byName)},
		{"of another name for S3", WorkPatience, server.Certificate, "; give AWS_ENDPOINT_URL_S3 a name that is in the certificate", append(server.Env(), strings.Replace(byName, "=", "_S3=", 1))},
		{"expired", WorkPatience, expired.Certificate, "; see to the clock of this machine, or renew the certificate", expired.Env()},
		{"no HTTPS", 0, server.Certificate, "; see that AWS_ENDPOINT_URL is right", append(server.Env(), strings.Replace(server.Env()[0], "https:", "http:", 1))},
	} {
		t.Run(c.name, func(t *testing.T) {
			setEnv(t, append(c.env, "SSL_CERT_FILE="+c.trusts)...)
			if _, err := opening(t, "s3://bucket/x", c.patience); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	// What is sent in one part, and what in several, is signed otherwise than without TLS.
	setEnv(t, append(server.Env(), "SSL_CERT_FILE="+server.Certificate)...)
	b := open(t, "s3://bucket/x")
	for _, text := range []string{"text", strings.Repeat("sixteen bytes...", 20<<16)} {
		folder, m := results(t, "k", text)
		if err := b.Deliver(t.Context(), folder, manifest, m, true); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(server.Folder("bucket"), "x", "in", "a.txt")); err != nil || string(got) != text {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
	if done, err := b.Finished(t.Context(), manifest, "k"); err != nil || !done {
		t.Errorf("finished is %v, %v", done, err)
	}
}

// A certificate that is wrong in itself is not mended by trusting it.
func TestWrongCertificate(t *testing.T) {
	for reason, want := range map[x509.InvalidReason]string{x509.Expired: "renew", x509.IncompatibleUsage: "give the server another"} {
		if got := certificateHint(x509.CertificateInvalidError{Reason: reason}); !strings.Contains(got, want) {
			t.Errorf("%d: %s", reason, got)
		}
	}
}

// Results are complete with their manifest and all that it names, and not before.
func TestDeliver(t *testing.T) {
	server := storetest.Start(t, "bucket")
	setEnv(t, server.Env()...)
	b := open(t, "s3://bucket/deep/er")
	finished := func(key string, want bool) {
		t.Helper()
		if got, err := b.Finished(t.Context(), manifest, key); err != nil || got != want {
			t.Errorf("finished is %v, %v, want %v", got, err, want)
		}
	}
	finished("k", false)
	// What broke off before has left something.
	cut := t.TempDir()
	m := &batch.Manifest{Status: batch.CutShort, Key: "k"}
	path := filepath.Join(cut, "in", "a.partial.txt")
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("half"), 0o600), m.Write(filepath.Join(cut, manifest))); err != nil {
		t.Fatal(err)
	}
	if err := b.Report(t.Context(), cut, manifest, m, []string{"in/a.txt", "in/a.jsonl"}); err != nil {
		t.Fatal(err)
	}
	finished("k", false)
	objects := filepath.Join(server.Folder("bucket"), "deep", "er", "in")
	if text, err := os.ReadFile(filepath.Join(objects, "a.partial.txt")); err != nil || string(text) != "half" {
		t.Errorf("%q, %v", text, err)
	}

	folder, m := results(t, "k", "text")
	if err := b.Deliver(t.Context(), folder, manifest, m, false); err != nil {
		t.Fatal(err)
	}
	finished("k", true)
	finished("other", false)
	entries, err := os.ReadDir(objects)
	if err != nil || len(entries) != 3 {
		t.Errorf("%v, %v, want no partial result", entries, err)
	}
	// A later failure of the same input, or one that nobody could read, changes nothing.
	for _, key := range []string{"k", ""} {
		if err := b.Report(t.Context(), t.TempDir(), manifest, &batch.Manifest{Status: batch.Failed, Key: key}, nil); err != nil {
			t.Error(err)
		}
	}
	finished("k", true)
	// Other bytes of the same length are not what the manifest says.
	other, _ := results(t, "k", "TEXT")
	if err := b.put(t.Context(), other, "in/a.txt", "another"); err != nil {
		t.Fatal(err)
	}
	finished("k", false)
	if err := b.Deliver(t.Context(), folder, manifest, m, false); err != nil {
		t.Fatal(err)
	}
	finished("k", true)
	if err := b.remove(t.Context(), "in/a.jsonl"); err != nil {
		t.Fatal(err)
	}
	finished("k", false)
	// What is no manifest is none.
	if err := os.WriteFile(filepath.Join(folder, manifest), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.put(t.Context(), folder, manifest, ""); err != nil {
		t.Fatal(err)
	}
	finished("k", false)
}

// A file that goes in parts is the same one there.
func TestDeliverLargeFiles(t *testing.T) {
	server := storetest.Start(t, "bucket")
	setEnv(t, server.Env()...)
	b := open(t, "s3://bucket/x")
	text := strings.Repeat("sixteen bytes...", 20<<16)
	folder, m := results(t, "k", text)
	if err := b.Deliver(t.Context(), folder, manifest, m, false); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(server.Folder("bucket"), "x", "in", "a.txt")); err != nil || string(got) != text {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// However many bring results of one input at a time, and differ in some bytes, what is
// there in the end is the whole of one.
func TestDeliverAtTheSameTime(t *testing.T) {
	server := storetest.Start(t, "bucket")
	setEnv(t, server.Env()...)
	for round := range 5 {
		out := fmt.Sprintf("s3://bucket/%d", round)
		b := open(t, out)
		var all sync.WaitGroup
		for i := range 4 {
			folder, m := results(t, "k", strings.Repeat(fmt.Sprint(i), 10_000))
			all.Go(func() {
				if err := b.Deliver(t.Context(), folder, manifest, m, i%2 == 0); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if done, err := b.Finished(t.Context(), manifest, "k"); err != nil || !done {
			t.Fatalf("finished is %v, %v", done, err)
		}
		objects := filepath.Join(server.Folder("bucket"), fmt.Sprint(round), "in")
		text, err := os.ReadFile(filepath.Join(objects, "a.manifest.json"))
		if err != nil {
			t.Fatal(err)
		}
		var m batch.Manifest
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		first, _ := os.ReadFile(filepath.Join(objects, "a.txt"))
		second, _ := os.ReadFile(filepath.Join(objects, "a.jsonl"))
		if s, err := batch.Digest(t.Context(), filepath.Join(objects, "a.txt")); err != nil || s.SHA256 != m.Outputs[0].SHA256 || !bytes.Equal(first, second) {
			t.Errorf("round %d: results are mixed (%v)", round, err)
		}
	}
}

// What is left for another machine arrives there, unless somebody has finished meanwhile.
func TestPark(t *testing.T) {
	server := storetest.Start(t, "bucket")
	setEnv(t, server.Env()...)
	b := open(t, "s3://bucket/x")
	folder, m := results(t, "k", "text")
	names := []string{"in/a.txt", "in/none.txt", "in/a.jsonl"} // an empty file is not kept
	there := t.TempDir()
	if err := os.Mkdir(filepath.Join(there, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	fetched := func(fits bool, want int) {
		t.Helper()
		if err := b.Fetch(t.Context(), there, names, func(last []byte) bool { return fits && string(last) == "text" }); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(filepath.Join(there, "in"))
		if err != nil || len(entries) != want {
			t.Errorf("%v, %v, want %d", entries, err, want)
		}
	}
	fetched(true, 0)
	if err := b.Park(t.Context(), folder, manifest, "k", names); err != nil {
		t.Fatal(err)
	}
	fetched(false, 0)
	fetched(true, 3)
	for name, want := range map[string]string{"in/a.txt": "text", "in/none.txt": "", "in/a.jsonl": "text"} {
		if text, err := os.ReadFile(filepath.Join(there, name)); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	// The second time as after a worker that was killed while it parked.
	for range 2 {
		if err := b.Discard(t.Context(), names); err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(filepath.Join(server.Folder("bucket"), "x", "in")); err == nil && len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		if err := b.Park(t.Context(), folder, manifest, "k", names[:2]); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Deliver(t.Context(), folder, manifest, m, false); err != nil {
		t.Fatal(err)
	}
	if err := b.Park(t.Context(), folder, manifest, "k", []string{manifest + ".checkpoint"}); err != nil {
		t.Error(err)
	}
	if there, err := b.stat(t.Context(), manifest+".checkpoint"); err != nil || there.Path != "" {
		t.Errorf("%+v, %v", there, err)
	}
}

// A server that goes away is waited for, and one that stays away is given up.
func TestServerGoesAway(t *testing.T) {
	server := storetest.Start(t, "bucket")
	setEnv(t, server.Env()...)
	b := open(t, "s3://bucket")
	folder, m := results(t, "k", "text")
	server.Kill()
	b.patience = 300 * time.Millisecond
	if err := b.Deliver(t.Context(), folder, manifest, m, false); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
	b.patience = time.Minute
	back := make(chan struct{})
	time.AfterFunc(time.Second, func() { server.Restart(); close(back) })
	if err := b.Deliver(t.Context(), folder, manifest, m, false); err != nil {
		t.Error(err)
	}
	<-back
	if done, err := b.Finished(t.Context(), manifest, "k"); err != nil || !done {
		t.Errorf("finished is %v, %v", done, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := b.Finished(ctx, manifest, "k"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was stopped", err)
	}
	// One who works has more patience than one who begins.
	server.Kill()
	back = make(chan struct{})
	time.AfterFunc(OpenPatience+time.Second, func() { server.Restart(); close(back) })
	if _, err := opening(t, "s3://bucket", WorkPatience); err != nil {
		t.Error(err)
	}
	<-back
}

// Patience begins with a failure, and anew after a try that was itself long.
func TestPatience(t *testing.T) {
	for name, c := range map[string]struct {
		tries []time.Duration // how long those take that fail; the next one does not
		gives bool            // it up
	}{
		"first try long": {[]time.Duration{2 * WorkPatience}, false},
		"later try long": {[]time.Duration{0, 2 * WorkPatience, 0}, false},
		"away for long":  {slices.Repeat([]time.Duration{time.Second}, 100), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &Bucket{patience: WorkPatience, notify: func(string) {}}
				err := b.patiently(t.Context(), "put", "a", func() error {
					if len(c.tries) == 0 {
						return nil
					}
					time.Sleep(c.tries[0])
					c.tries = c.tries[1:]
					return io.ErrUnexpectedEOF
				})
				if gave := errors.Is(err, io.ErrUnexpectedEOF); gave != c.gives || err != nil && !gave {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// Who stops while the server is away is not told that it is back.
func TestStopWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		b := &Bucket{patience: WorkPatience, notify: func(message string) { said = append(said, message) }}
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, stop)
		err := b.patiently(ctx, "put", "a", func() error { return io.ErrUnexpectedEOF })
		if !errors.Is(err, context.Canceled) || len(said) != 1 || !strings.Contains(said[0], "does not answer") {
			t.Errorf("error %v, told %q", err, said)
		}
	})
}
