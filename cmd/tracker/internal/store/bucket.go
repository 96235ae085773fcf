package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/tracker-go/tracker/cmd/tracker/internal/batch"
)

// How long a server that does not answer is asked again: briefly when nothing is done
// yet and the address may be wrong, long where work would be lost.
const (
	OpenPatience = 3 * time.Second
	WorkPatience = 5 * time.Minute
)

// Pauses between tries.
const (
	shortest = 100 * time.Millisecond
	longest  = 5 * time.Second
)

// digestKey is the metadata of an object that has its SHA-256: what servers tell of
// themselves (ETag) is no digest where a file is sent in parts.
const digestKey = "sha256"

// Bucket is an open Address.
type Bucket struct {
	address  Address
	client   *minio.Client
	patience time.Duration
	notify   func(message string)
}

// Open makes sure that files can be put there, and be told from those that cannot be
// found. Patience is for that; then it is WorkPatience. Notify is told in a sentence that
// the server has gone or is back. Credentials are those of the environment or of the shared
// credentials file.
func (a Address) Open(ctx context.Context, patience time.Duration, notify func(message string)) (*Bucket, error) {
	keys := credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}})
	if v, err := keys.GetWithContext(nil); err != nil || v.AccessKeyID == "" || v.SecretAccessKey == "" {
		return nil, fmt.Errorf("store %s: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile of ~/.aws/credentials in AWS_PROFILE", a)
	}
	// Repeated here, where the user can be told, and not by the client.
	client, err := minio.New(a.host, &minio.Options{Creds: keys, Secure: a.secure, Region: a.region, MaxRetries: 1})
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", a, err)
	}
	b := &Bucket{address: a, client: client, patience: patience, notify: notify}
	if err := b.writable(ctx); err != nil {
		return nil, err
	}
	b.patience = WorkPatience
	return b, nil
}

// writable is an error where the bucket takes no files. The same right that lists them
// makes the server say that one is not there; without, it denies access to it.
func (b *Bucket) writable(ctx context.Context) error {
	const name = ".writable"
	err := b.patiently(ctx, "put", name, func() error {
		_, err := b.client.PutObject(ctx, b.address.bucket, b.address.object(name), strings.NewReader(""), 0, minio.PutObjectOptions{})
		return err
	})
	if err == nil {
		err = b.remove(ctx, name)
	}
	if err == nil {
		_, err = b.get(ctx, name)
	}
	return err
}

// get reads an object; nil where there is none.
func (b *Bucket) get(ctx context.Context, name string) (data []byte, err error) {
	err = b.patiently(ctx, "get", name, func() error {
		o, err := b.client.GetObject(ctx, b.address.bucket, b.address.object(name), minio.GetObjectOptions{})
		if err != nil {
			return err
		}
		defer o.Close()
		if data, err = io.ReadAll(o); absent(err) {
			data, err = nil, nil
		}
		return err
	})
	return data, err
}

// stat describes an object that put has put; it has no name where there is none.
func (b *Bucket) stat(ctx context.Context, name string) (o batch.Output, err error) {
	err = b.patiently(ctx, "look for", name, func() error {
		info, err := b.client.StatObject(ctx, b.address.bucket, b.address.object(name), minio.StatObjectOptions{})
		switch {
		case absent(err):
			return nil
		case err != nil:
			return err
		}
		o = batch.Output{Path: name, Bytes: info.Size}
		for key, value := range info.UserMetadata { // servers spell it as they like
			if strings.EqualFold(key, digestKey) {
				o.SHA256 = value
			}
		}
		return nil
	})
	return o, err
}

// put copies the file of that name in folder, and its digest with it where there is one.
func (b *Bucket) put(ctx context.Context, folder, name, digest string) error {
	var opt minio.PutObjectOptions
	if digest != "" {
		opt.UserMetadata = map[string]string{digestKey: digest}
	}
	return b.patiently(ctx, "put", name, func() error {
		_, err := b.client.FPutObject(ctx, b.address.bucket, b.address.object(name), filepath.Join(folder, filepath.FromSlash(name)), opt)
		return err
	})
}

// remove removes an object. It is no error where there is none, and then nothing is
// done: buckets with versions would remember even that.
func (b *Bucket) remove(ctx context.Context, name string) error {
	if there, err := b.stat(ctx, name); err != nil || there.Path == "" {
		return err
	}
	return b.patiently(ctx, "remove", name, func() error {
		return b.client.RemoveObject(ctx, b.address.bucket, b.address.object(name), minio.RemoveObjectOptions{})
	})
}

func absent(err error) bool {
	var answer minio.ErrorResponse
	return errors.As(err, &answer) && answer.Code == minio.NoSuchKey
}

// patiently repeats do for as long as the server is away and patience lasts: from the first
// failure on, and anew after a try that was itself long. Do must be good to be done twice.
func (b *Bucket) patiently(ctx context.Context, operation, name string, do func() error) error {
	var end time.Time // of patience
	told := false
	for wait := shortest; ; wait = min(2*wait, longest) {
		began := time.Now()
		err := do()
		now := time.Now()
		if end.IsZero() || now.Sub(began) > WorkPatience {
			end = now.Add(b.patience)
		}
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if told && !away(err) {
			b.notify("the store answers again")
		}
		if err == nil {
			return nil
		}
		if !away(err) || !now.Before(end) {
			return b.explain(operation, name, err)
		}
		if wait == longest && !told {
			told = true
			b.notify(fmt.Sprintf("the store does not answer; asking for %v: %v", b.patience, b.explain(operation, name, err)))
		}
		if err := batch.Pause(ctx, wait); err != nil {
			return err
		}
	}
}

// away says whether an error is that of a server which may answer soon.
func away(err error) bool {
	var answer minio.ErrorResponse
	var file *fs.PathError
	var certificate *tls.CertificateVerificationError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.As(err, &file), errors.As(err, &certificate):
		return false
	case errors.As(err, &answer):
		switch answer.Code {
		case "RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "OperationAborted":
			return true
		}
		return answer.StatusCode == 429 || answer.StatusCode >= 500 && answer.StatusCode != 501
	}
	return true
}
