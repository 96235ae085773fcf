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

// scheme begins a server's URL, also in a list of them.
var scheme = regexp.MustCompile(`(?i)(?:^|,)(?:nats|tls|wss?)://`)

// Redacted is the URL of a NATS server, or several with commas, without what may be secret:
// who asks, which may be a token, and the password, which may look like another server.
func Redacted(urls string) string {
	shown, asked := "", false
	for urls != "" {
		begin, end := 0, 0
		if found := scheme.FindAllStringIndex(urls, -1); found != nil {
			begin, end = found[len(found)-1][0], found[len(found)-1][1]
		}
		server := urls[end:]
		switch at := strings.LastIndex(server, "@"); {
		case at >= 0:
			server, asked = server[at+1:], true
		case asked: // so this may be where a password begins
			server = "…"
		}
		shown, urls = urls[begin:end]+server+shown, urls[:begin]
	}
	return shown
}
