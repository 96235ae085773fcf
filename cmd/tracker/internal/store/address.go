package store

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// scheme begins the address of a place in a store.
const scheme = "s3://"

// IsAddress says whether out is an address, and not a folder.
func IsAddress(out string) bool { return strings.HasPrefix(out, scheme) }

// Address is a place in a store: below a prefix of a bucket.
type Address struct {
	bucket, prefix string
	secure         bool
	host           string // with a port, if need be
	region         string // empty for what the server says
}

// Parse reads s3://BUCKET/PREFIX. Server and region are the environment's, by the names
// that Amazon's own tools have for them.
func Parse(out string) (Address, error) {
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(out, scheme), "/")
	a := Address{bucket: bucket, prefix: strings.Trim(path.Clean("/"+prefix), "/")}
	if err := s3utils.CheckValidBucketName(bucket); err != nil {
		return a, fmt.Errorf("results to %s: want s3://BUCKET/PREFIX: %w", out, err)
	}
	variable, server := endpoint()
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return a, fmt.Errorf("results to %s: %s does not name a server: want https://HOST or http://HOST:PORT", out, variable)
	}
	a.secure, a.host, a.region = u.Scheme == "https", u.Host, cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	return a, nil
}

// endpointVariable names the server, unless one for S3 alone does.
const endpointVariable = "AWS_ENDPOINT_URL"

// endpoint is the server, and the variable of the environment that names it or may.
func endpoint() (variable, server string) {
	for _, variable := range []string{endpointVariable + "_S3", endpointVariable} {
		if server := os.Getenv(variable); server != "" {
			return variable, server
		}
	}
	return endpointVariable, "https://s3.amazonaws.com"
}

// String is the address as Parse reads it.
func (a Address) String() string { return scheme + a.key("") }

// key is the whole name of an object in the server: bucket, prefix and name.
func (a Address) key(name string) string { return path.Join(a.bucket, a.prefix, name) }

// object is its name in the bucket.
func (a Address) object(name string) string { return path.Join(a.prefix, name) }

// Scratch is the folder, below root, where results for this place are made. Where root
// is empty, it is below the user's cache.
func (a Address) Scratch(root string) (string, error) {
	if root == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no folder to make the results in: give --scratch DIR: %w", err)
		}
		root = filepath.Join(cache, "tracker", "scratch")
	}
	// Places that differ must not take up each other's work.
	sum := sha256.Sum256([]byte(a.host + " " + a.String()))
	return filepath.Join(root, fmt.Sprintf("%x", sum[:8])), nil
}
