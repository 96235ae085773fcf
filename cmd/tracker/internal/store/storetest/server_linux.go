package storetest

import (
	"cmp"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The server's only user.
const (
	keyID  = "tracker"
	secret = "tracker-test-secret"
)

// Server is a running server. Its buckets are folders, and their objects files.
type Server struct {
	t       testing.TB
	program string
	address string // of the server
	root    string // folder of the buckets
	meta    string // folder of the objects' metadata
	scheme  string
	// Certificate is the file of the server's certificate; empty without TLS.
	Certificate string
	key         string // file of the certificate's key
	cmd         *exec.Cmd
}

// Start runs a server with one bucket until the test ends.
func Start(t testing.TB, bucket string) *Server {
	t.Helper()
	return start(t, bucket, &Server{scheme: "http"})
}

// StartTLS is Start with HTTPS, and a certificate for the address 127.0.0.1 that nobody
// trusts and that is good until that time.
func StartTLS(t testing.TB, bucket string, until time.Time) *Server {
	t.Helper()
	s := &Server{scheme: "https"}
	s.Certificate, s.key = certify(t, until)
	return start(t, bucket, s)
}

func start(t testing.TB, bucket string, s *Server) *Server {
	t.Helper()
	s.t, s.program, s.address, s.root, s.meta = t, find(t), freeAddress(t), t.TempDir(), t.TempDir()
	if err := os.Mkdir(s.Folder(bucket), 0o700); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	t.Cleanup(s.Kill)
	return s
}

// find is the server's program.
func find(t testing.TB) string {
	t.Helper()
	data, _ := os.UserHomeDir() // without one, the path does not exist
	data = cmp.Or(os.Getenv("XDG_DATA_HOME"), filepath.Join(data, ".local", "share"))
	for _, name := range []string{filepath.Join(cmp.Or(os.Getenv("TRACKER_HOME"), filepath.Join(data, "tracker")), "bin", "versitygw"), "versitygw"} {
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	t.Skip("no S3 server; 'deploy/setup.sh testing' installs versitygw")
	return ""
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Folder is where the objects of a bucket are, as files.
func (s *Server) Folder(bucket string) string { return filepath.Join(s.root, bucket) }

// Env is the environment of who uses the server.
func (s *Server) Env() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + s.scheme + "://" + s.address, "AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=" + keyID, "AWS_SECRET_ACCESS_KEY=" + secret,
	}
}

// Restart runs the server again after Kill, where it was before.
func (s *Server) Restart() {
	s.t.Helper()
	s.cmd = exec.Command(s.program, "--port", s.address, "--quiet", "posix", "--sidecar", s.meta, s.root)
	s.cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+keyID, "ROOT_SECRET_KEY="+secret, "VGW_CERT="+s.Certificate, "VGW_KEY="+s.key)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said strings.Builder
	s.cmd.Stdout, s.cmd.Stderr = &said, &said
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", s.address); err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			s.Kill()
			s.t.Fatalf("the S3 server does not start: %s", &said)
		}
	}
}

// Kill ends the server at once, and with it its connections.
func (s *Server) Kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}
