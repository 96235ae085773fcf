package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7"
)

// hints is what to do about what servers answer, by their codes.
var hints = map[string]string{
	"NoSuchBucket":                 "make the bucket first, or give another --out",
	"AccessDenied":                 "the keys need s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket there",
	"AllAccessDisabled":            "give another --out",
	"InvalidAccessKeyId":           "check AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL",
	"XAdminUserNotFound":           "check AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL", // as Versity's gateway says it
	"SignatureDoesNotMatch":        "check AWS_SECRET_ACCESS_KEY and AWS_REGION",
	"AuthorizationHeaderMalformed": "set AWS_REGION to the bucket's region",
	"PermanentRedirect":            "set AWS_REGION to the bucket's region",
	"InvalidRegion":                "set AWS_REGION to the bucket's region",
	"ExpiredToken":                 "get new keys",
	"InvalidToken":                 "check AWS_SESSION_TOKEN",
	"RequestTimeTooSkewed":         "set the clock of this machine",
}

// explain says what was to be done with an object, why it cannot, and what helps.
func (b *Bucket) explain(operation, name string, err error) error {
	var answer minio.ErrorResponse
	var request *url.Error
	var file *fs.PathError
	var certificate *tls.CertificateVerificationError
	hint := "see that AWS_ENDPOINT_URL is right and the server runs"
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &answer):
		if hint = hints[answer.Code]; hint == "" {
			hint = "see the server's log, and that the keys are right"
		}
		err = fmt.Errorf("%s (%s)", strings.TrimRight(answer.Error(), ". "), answer.Code)
	case errors.As(err, &file):
		hint = "see to the scratch folder (--scratch)"
	case errors.As(err, &certificate):
		hint = certificateHint(err)
	}
	if errors.As(err, &request) {
		err = request.Err // else the URL comes twice
	}
	variable, _ := endpoint()
	hint = strings.ReplaceAll(hint, endpointVariable, variable)
	return fmt.Errorf("store: %s %s%s at %s: %w; %s", operation, scheme, b.address.key(name), b.address.host, err, hint)
}

// certificateHint is what to do about a server's certificate that does not hold.
func certificateHint(err error) string {
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &name):
		return "give AWS_ENDPOINT_URL a name that is in the certificate"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "see to the clock of this machine, or renew the certificate"
	case errors.As(err, &unknown):
		return trustHint(os.Getenv(trustVariable))
	}
	return "give the server another certificate"
}

// trustVariable names a file with certificates to trust besides the system's. The client
// reads it, and takes one that it cannot read for none.
const trustVariable = "SSL_CERT_FILE"

// trustHint is what to do about a certificate that nobody vouches for, with that file.
func trustHint(path string) string {
	wrong := ""
	if path != "" {
		switch text, err := os.ReadFile(path); {
		case err != nil:
			wrong = fmt.Sprintf("%s cannot be read: %v; ", trustVariable, err)
		case !x509.NewCertPool().AppendCertsFromPEM(text):
			wrong = fmt.Sprintf("%s %s has no certificate (PEM); ", trustVariable, path)
		default:
			wrong = fmt.Sprintf("%s %s has others; ", trustVariable, path)
		}
	}
	return wrong + "name a file with the certificate of its authority (PEM) in " + trustVariable + ", if you trust it"
}
