#include <stdint.h>

// What FFmpeg reads from.
struct tracker_ffmpeg_medium {
    int64_t length;  // in bytes; 0 unknown, or not that of a video
    int sequential;  // it can only be read from the start to the end
    int only_sound;  // there are streams, none of pictures
};

// What FFmpeg gave OpenCV.
struct tracker_ffmpeg_seen {
    int width, height; // of the last picture; 0 without one
    int64_t timestamp; // when it is shown, in the stream's units of time
    int damaged;       // the decoder has made up a piece of it, or of one soon after it
    int ended;         // there is nothing more to read: it was held back
    int io_error;      // FFmpeg's, after which nothing more comes; 0 without one
};

void tracker_ffmpeg_tune(int be_quick, int only_slices, int max_threads);
struct tracker_ffmpeg_medium tracker_ffmpeg_opened(void);
void tracker_ffmpeg_expect(int w, int h);
struct tracker_ffmpeg_seen tracker_ffmpeg_saw(void);
