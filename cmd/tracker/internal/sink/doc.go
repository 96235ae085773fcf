// Package sink takes what the pipeline knows of each frame to where a user wants
// it: a video, MOTChallenge text, JSON lines, a window.
//
// Every sink has Write, for the frames in order, and two ways to end, of which
// the first call counts:
//
//   - Commit, when the work is done (for a live source, that is when the user
//     stops it): the file is completed and gets its name.
//   - Keep, when it is not: the file is closed properly, so that it can be played
//     and read as far as it goes, but stays under its partial name
//     (out.partial.mp4), which Keep returns. A file without any frame is removed.
//
// So a file that has its name is complete. Sinks are for one goroutine; the
// pixels and tracks of a Result are valid only during Write.
package sink
