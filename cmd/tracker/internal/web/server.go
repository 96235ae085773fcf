package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
)

// page is the whole of it: no other file, here or elsewhere, is needed to show it.
//
//go:embed page.html
var page []byte

// pagePolicy lets the page run its own script alone, and ask nobody but this server.
var pagePolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; connect-src 'self'; img-src blob: data:; " +
	"style-src 'unsafe-inline'; script-src '" + digest(scriptOf(page)) + "'"

// scriptOf is the text of the only script of a page.
func scriptOf(page []byte) []byte {
	_, script, _ := bytes.Cut(page, []byte("<script>"))
	script, _, _ = bytes.Cut(script, []byte("</script>"))
	return script
}

// digest is how a policy names a script.
func digest(script []byte) string {
	sum := sha256.Sum256(script)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Times after which somebody who looks is given up.
const (
	headerIn  = 10 * time.Second // to ask
	writeIn   = 10 * time.Second // to take a picture
	pictureIn = 5 * time.Second  // for an input to have one
	idleFor   = time.Minute      // between two questions
	leaveIn   = time.Second      // to finish, when the run is over
)

// Bounds on those who look: a run needs files and memory for itself, and streams of pictures,
// which may last for ever, leave connections to ask for its health.
const (
	mostConnections = 100
	mostStreams     = 80
)

// Server answers browsers until it is closed.
type Server struct {
	address string // as the user gave it
	run     *Run   // there before site is
	site    atomic.Pointer[http.ServeMux]
	since   time.Time
	http    http.Server
	at      *net.TCPAddr
	stop    context.CancelFunc // ends what never ends by itself
	seats   chan struct{}      // of those who look at a stream
	ended   chan struct{}
}

// Listen takes an address, HOST:PORT or :PORT, before there is a run to show.
func Listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve %s: %w", address, explain(err))
	}
	return l, nil
}

// Serve answers at what Listen gave for an address from now on: until Show, that the run
// begins. It warns of what goes wrong.
func Serve(l net.Listener, address string, warn func(message string, args ...any)) *Server {
	s := &Server{address: address, since: time.Now(), seats: make(chan struct{}, mostStreams), ended: make(chan struct{})}
	s.at, _ = l.Addr().(*net.TCPAddr)
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.http = http.Server{
		Handler: s.guarded(http.HandlerFunc(s.answer)), IdleTimeout: idleFor,
		// Whoever is slow to ask holds a connection no longer than an answer may take.
		ReadHeaderTimeout: headerIn, ReadTimeout: pictureIn + writeIn, WriteTimeout: pictureIn + writeIn,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    log.New(warner(warn), "", 0),
	}
	go func() {
		defer close(s.ended)
		if err := s.http.Serve(netutil.LimitListener(l, mostConnections)); !errors.Is(err, http.ErrServerClosed) {
			warn("nobody can look any more", "error", err)
		}
	}()
	return s
}

// warner warns of what is written.
type warner func(message string, args ...any)

func (warn warner) Write(line []byte) (int, error) {
	warn(strings.TrimSpace(string(line)))
	return len(line), nil
}

// Show lets everybody see a run, which has begun. It is called once.
func (s *Server) Show(run *Run) {
	s.run = run
	s.site.Store(s.routes())
}

// answer is that of the run, once there is one.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	if site := s.site.Load(); site != nil {
		site.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Refresh", "1") // browsers ask again
	http.Error(w, "the run begins: inputs and network are being opened", http.StatusServiceUnavailable)
}

// guarded refuses questions with a body, which may never come and would hold the connection,
// and, at an address of this machine alone, who asks by another name: a page from elsewhere
// whose name has come to mean this machine (DNS rebinding).
func (s *Server) guarded(next http.Handler) http.Handler {
	local := s.at.IP.IsLoopback()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store") // it is of this moment only
		h.Set("X-Content-Type-Options", "nosniff")
		switch {
		case r.ContentLength != 0:
			_ = http.NewResponseController(w).SetReadDeadline(time.Now()) // nobody waits for it
			h.Set("Connection", "close")
			http.Error(w, "a question here has no body", http.StatusBadRequest)
		case local && !s.isNamed(r.Host):
			http.Error(w, "this is for localhost alone; a proxy before it has to ask by that name", http.StatusMisdirectedRequest)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isNamed says whether a request's host, with or without a port, is this machine's: a loopback
// address, localhost, or what the user called it.
func (s *Server) isNamed(host string) bool {
	name := hostOf(host)
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback() || strings.EqualFold(name, "localhost") || name != "" && strings.EqualFold(name, hostOf(s.address))
}

// hostOf is a host with or without a port, without it.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return strings.Trim(address, "[]")
}

// explain adds a hint to an error of listening.
func explain(err error) error {
	var of *net.OpError
	if errors.As(err, &of) {
		err = of.Err
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return errors.New("another program listens there; choose another port")
	case errors.Is(err, syscall.EACCES):
		return errors.New("no permission for this port; choose one from 1024 on")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return errors.New("this machine does not have that address; :PORT listens at all it has")
	}
	return err
}

// URL is where a browser of this machine finds the page.
func (s *Server) URL() string {
	host := s.at.IP.String()
	if s.at.IP.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(s.at.Port)) + "/"
}

// Close ends all answers.
func (s *Server) Close() error {
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), leaveIn)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.ended
	return err
}

func (s *Server) routes() *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", pagePolicy)
		_, _ = w.Write(page)
	})
	m.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.run.status(s.since))
	})
	m.HandleFunc("GET /healthz", s.health)
	m.Handle("GET /metrics", promhttp.HandlerFor(newRegistry(s.run), promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	m.HandleFunc("GET /{picture}", s.picture)
	return m
}

// health answers what watches over services.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	var wrong []string
	for i := range s.run.Inputs {
		if h := s.run.Inputs[i].Health(); !h.OK {
			wrong = append(wrong, s.run.Inputs[i].Name+": "+h.State)
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if len(wrong) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, strings.Join(wrong, "\n"))
		return
	}
	fmt.Fprintln(w, "ok")
}

// picture answers with one picture of an input, or with all of them.
func (s *Server) picture(w http.ResponseWriter, r *http.Request) {
	asked := r.PathValue("picture")
	feed := s.feedOf(asked)
	switch {
	case feed == nil:
		http.NotFound(w, r)
	case feed.ended():
		http.Error(w, errEnded.Error(), http.StatusGone)
	case path.Ext(asked) == ".jpg":
		onePicture(w, r, feed)
	default:
		s.allPictures(w, r, feed)
	}
}

// feedOf is the feed of the input whose pictures are asked for, nil where there is none.
func (s *Server) feedOf(asked string) *Feed {
	for i := range s.run.Inputs {
		if in := &s.run.Inputs[i]; asked == in.Name+".jpg" || asked == in.Name+".mjpeg" {
			return in.Feed
		}
	}
	return nil
}

func onePicture(w http.ResponseWriter, r *http.Request, f *Feed) {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "image/jpeg")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pictureIn)
	defer cancel()
	leave := f.join()
	jpeg, err := f.next(ctx)
	leave()
	if err != nil {
		http.Error(w, "no picture comes", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	_, _ = w.Write(jpeg)
}

// streamKind is a picture after the other, with a boundary in between.
const (
	boundary   = "picture"
	streamKind = "multipart/x-mixed-replace; boundary=" + boundary
)

func (s *Server) allPictures(w http.ResponseWriter, r *http.Request, f *Feed) {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", streamKind)
		return
	}
	select {
	case s.seats <- struct{}{}:
		defer func() { <-s.seats }()
	default:
		http.Error(w, "too many look", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", streamKind)
	defer f.join()()
	to := http.NewResponseController(w)
	_, _ = to.SetReadDeadline(time.Time{}), to.SetWriteDeadline(time.Time{})
	if _, err := fmt.Fprintf(w, "--%s\r\n", boundary); err != nil || to.Flush() != nil {
		return
	}
	for {
		jpeg, err := f.next(r.Context())
		if err != nil {
			return
		}
		_ = to.SetWriteDeadline(time.Now().Add(writeIn))
		// The boundary after a picture comes with it: browsers show it then.
		fmt.Fprintf(w, "Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n", len(jpeg))
		_, _ = w.Write(jpeg)
		if _, err := fmt.Fprintf(w, "\r\n--%s\r\n", boundary); err != nil || to.Flush() != nil {
			return
		}
	}
}
