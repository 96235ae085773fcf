// Package rtsptest runs a real RTSP server for tests: GStreamer's, fed by
// server.py, on the loopback. A test that asks for one is skipped where its
// packages are missing ('make test' installs them).
package rtsptest
