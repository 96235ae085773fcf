//go:build gocv_specific_modules

// Three of FFmpeg's functions, put between OpenCV and FFmpeg: the dynamic linker
// prefers a program's own. ffmpeg_linux.go tells what for. They pass everything
// on, and where OpenCV reaches FFmpeg by another way they are never called.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <libavutil/avutil.h>
#include <libavutil/frame.h>
#include <stddef.h>
#include <stdint.h>

#include "ffmpeg_linux.h"

// All of the thread that is in the call.
static _Thread_local int quick, slices, threads;          // see decoding
static _Thread_local int expected_width, expected_height; // 0: any
static _Thread_local struct tracker_ffmpeg_seen seen;     // since expect

void tracker_ffmpeg_tune(int be_quick, int only_slices, int max_threads) {
    quick = be_quick;
    slices = only_slices;
    threads = max_threads;
}

void tracker_ffmpeg_expect(int w, int h) {
    expected_width = w;
    expected_height = h;
    seen = (struct tracker_ffmpeg_seen){.timestamp = AV_NOPTS_VALUE};
}

struct tracker_ffmpeg_seen tracker_ffmpeg_saw(void) {
    expected_width = expected_height = 0;
    return seen;
}

int avformat_open_input(void **context, const char *url, const void *format, void **options) {
    int (*next)(void **, const char *, const void *, void **) = dlsym(RTLD_NEXT, "avformat_open_input");
    int (*set)(void **, const char *, const char *, int) = dlsym(RTLD_DEFAULT, "av_dict_set");
    const int dont_overwrite = 16; // AV_DICT_DONT_OVERWRITE: what the user set stays
    if (quick && set && options)
        set(options, "fpsprobesize", "0", dont_overwrite);
    return next(context, url, format, options);
}

int avcodec_open2(void *context, const void *codec, void **options) {
    int (*next)(void *, const void *, void **) = dlsym(RTLD_NEXT, "avcodec_open2");
    int (*set)(void *, const char *, const char *, int) = dlsym(RTLD_DEFAULT, "av_opt_set");
    int (*set_int)(void *, const char *, int64_t, int) = dlsym(RTLD_DEFAULT, "av_opt_set_int");
    if (set_int && threads)
        set_int(context, "threads", threads, 0);
    if (set)
        set(context, "max_pixels", "134217728", 0); // 16384 x 8192
    if (set && slices)
        set(context, "thread_type", "slice", 0);
    return next(context, codec, options);
}

int avcodec_receive_frame(void *context, AVFrame *frame) {
    static int (*_Atomic next)(void *, AVFrame *);
    if (!next)
        next = dlsym(RTLD_NEXT, "avcodec_receive_frame");
    int err = next(context, frame);
    if (err < 0)
        return err;
    seen.width = frame->width;
    seen.height = frame->height;
    seen.timestamp = frame->best_effort_timestamp;
    if (expected_width && (frame->width != expected_width || frame->height != expected_height))
        frame->data[0] = NULL; // without pixels there is nothing to convert
    return err;
}
