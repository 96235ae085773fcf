#include <stdint.h>

// What FFmpeg gave OpenCV.
struct tracker_ffmpeg_seen {
    int width, height; // of the last picture; 0 without one
    int64_t timestamp; // when it is shown, in the stream's units of time
};

void tracker_ffmpeg_tune(int be_quick, int only_slices, int max_threads);
void tracker_ffmpeg_expect(int w, int h);
struct tracker_ffmpeg_seen tracker_ffmpeg_saw(void);
