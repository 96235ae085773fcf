// Package web shows a run to browsers: a page with the annotated pictures and the figures of
// every input, the same figures as JSON, and metrics for Prometheus.
//
//	/                     the page
//	/NAME.mjpeg           the annotated pictures of an input as they come (multipart/x-mixed-replace)
//	/NAME.jpg             the next one
//	/status               Status as JSON
//	/metrics              text that Prometheus reads
//	/healthz              200 where every input delivers or is done, else 503, with the reasons
//
// Nobody who looks can hold up a run. Pictures are made only while somebody waits for one, and
// at most [MostFPS] a second; who is slow misses some. There is no password: anyone who reaches
// the address sees the pictures.
package web
