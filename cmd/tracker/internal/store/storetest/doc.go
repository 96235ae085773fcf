// Package storetest runs a real S3 server for tests, the Versity gateway, on the
// loopback. A test that asks for one is skipped where it is not installed ('make test'
// installs it).
package storetest
