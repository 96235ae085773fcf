// Package store keeps the results of a batch in an S3-compatible store: whole files by
// name, below a prefix of a bucket. Results are made in a folder and brought there when
// an input is over; its manifest comes last, and makes them complete.
package store
