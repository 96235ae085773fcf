package batch

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Serve starts a NATS server with JetStream in this process, on HOST:PORT, that keeps
// the queue in folder. The function stops it.
func Serve(address, folder string) (url string, stop func(), err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", nil, fmt.Errorf("queue %s: want listen://HOST:PORT: %w", address, err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return "", nil, fmt.Errorf("queue %s: port %q is no number", address, port)
	}
	if number == 0 {
		number = server.RANDOM_PORT
	}
	s, err := server.NewServer(&server.Options{
		Host: host, Port: number, JetStream: true, StoreDir: folder, NoSigs: true, NoLog: true,
	})
	if err != nil {
		return "", nil, fmt.Errorf("queue %s: %w", address, err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		s.Shutdown()
		return "", nil, fmt.Errorf("queue %s: %w", address, errors.New("the server does not start; is the port taken?"))
	}
	return s.ClientURL(), func() { s.Shutdown(); s.WaitForShutdown() }, nil
}

var (
	scheme = regexp.MustCompile(`^(?i)[a-z]+://`)
	// Where another server begins in a list of URLs; passwords may have commas, too.
	nextServer = regexp.MustCompile(`,(?i)[a-z]+://`)
)

// Redacted is the URL of a NATS server, or several with commas, without what may be secret:
// who asks, which may be a token, and the password.
func Redacted(urls string) string {
	if next := nextServer.FindStringIndex(urls); next != nil {
		return Redacted(urls[:next[0]]) + "," + Redacted(urls[next[0]+1:])
	}
	at := strings.LastIndex(urls, "@")
	if at < 0 {
		return urls
	}
	return scheme.FindString(urls) + urls[at+1:]
}
