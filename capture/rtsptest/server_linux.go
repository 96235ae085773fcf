package rtsptest

import (
	"bufio"
	_ "embed"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

//go:embed server.py
var program string

// Server is a running server.
type Server struct {
	t    testing.TB
	args []string
	port string
	cmd  *exec.Cmd
}

// Start runs server.py with args until the test ends.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, args: args, port: "0"}
	s.Restart()
	t.Cleanup(s.Kill)
	return s
}

// URL is where the pictures are; it stays the same when the server is restarted.
func (s *Server) URL() string { return "rtsp://127.0.0.1:" + s.port + "/live" }

// Restart runs the server again after Kill, on the port it had before.
func (s *Server) Restart() {
	s.t.Helper()
	python := "/usr/bin/python3" // Debian's own has Debian's packages
	if _, err := os.Stat(python); err != nil {
		python = "python3"
	}
	s.cmd = exec.Command(python, append([]string{"-c", program, "--port", s.port}, s.args...)...)
	var stderr strings.Builder
	s.cmd.Stderr = &stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Skip("no python3 for the RTSP server:", err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	port, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ok {
		s.cmd.Wait()
		if strings.HasPrefix(stderr.String(), "missing: ") {
			s.t.Skip("no RTSP server; 'deploy/setup.sh testing' installs what it needs; ", &stderr)
		}
		s.t.Fatalf("RTSP server: %v, %s", err, &stderr)
	}
	s.port = port
}

// Kill ends the server at once, and with it its connections.
func (s *Server) Kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// Signal sends a signal: SIGSTOP lets the server fall silent with its connections
// open, SIGCONT go on, SIGUSR1 show the next scene.
func (s *Server) Signal(signal os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}
