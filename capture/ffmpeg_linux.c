//go:build gocv_specific_modules

// Some of FFmpeg's functions, put between OpenCV and FFmpeg: the dynamic linker
// prefers a program's own. ffmpeg_linux.go tells what for. They pass everything
// on, and where OpenCV reaches FFmpeg by another way they are never called.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ffmpeg_linux.h"

// All of the thread that is in the call.
static _Thread_local int quick, slices, threads;          // see decoding
static _Thread_local int expected_width, expected_height; // 0: any
static _Thread_local struct tracker_ffmpeg_medium medium; // opened since tune
static _Thread_local struct tracker_ffmpeg_seen seen;     // since expect

void tracker_ffmpeg_tune(int be_quick, int only_slices, int max_threads) {
    quick = be_quick;
    slices = only_slices;
    threads = max_threads;
    medium = (struct tracker_ffmpeg_medium){0};
}

struct tracker_ffmpeg_medium tracker_ffmpeg_opened(void) { return medium; }

void tracker_ffmpeg_expect(int w, int h) {
    expected_width = w;
    expected_height = h;
    seen = (struct tracker_ffmpeg_seen){.timestamp = AV_NOPTS_VALUE};
}

struct tracker_ffmpeg_seen tracker_ffmpeg_saw(void) {
    expected_width = expected_height = 0;
    return seen;
}

// Whether each decoder has made something up since its last picture. A picture itself
// tells that only where it was not decoded beside others: what the threads of FFmpeg 5
// set in it then comes too late. They share their decoder's opaque pointer.
enum { MAX_DECODERS = 1024 }; // at a time; a later one takes the place of one long closed
static atomic_bool invented[MAX_DECODERS];
static atomic_uint decoders;

// inventions_of is the mark of a decoder; NULL of one that was opened otherwise.
static atomic_bool *inventions_of(const AVCodecContext *context) {
    atomic_bool *mark = context->opaque;
    return mark >= invented && mark < invented + MAX_DECODERS ? mark : NULL;
}

// tells_of_invention knows what decoders log where they fill in what is missing. Other
// errors need not touch the picture: a camera's odd headers are logged with every one.
static int tells_of_invention(const char *format) {
    static const char *const beginnings[] = {"concealing ", "Could not find ref with POC"};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (!strncmp(format, beginnings[i], strlen(beginnings[i])))
            return 1;
    return 0;
}

void av_log(void *from, int level, const char *format, ...) {
    static void (*_Atomic next)(void *, int, const char *, va_list);
    if (!next)
        next = dlsym(RTLD_NEXT, "av_vlog");
    const AVClass *kind = from ? *(const AVClass **)from : NULL;
    if (level <= AV_LOG_INFO && kind && !strcmp(kind->class_name, "AVCodecContext") && tells_of_invention(format)) {
        atomic_bool *mark = inventions_of(from);
        if (mark)
            atomic_store(mark, 1);
    }
    va_list values;
    va_start(values, format);
    next(from, level, format, values);
    va_end(values);
}

// look finds out what a video is read from. Of lists and descriptions of streams the
// length says nothing, and of pictures that a camera sends one after the other it is
// made up.
static void look(const AVFormatContext *context) {
    static const char *const others[] = {"hls", "dash", "sdp", "mpjpeg"};
    if (!context->pb)
        return;
    medium.sequential = !(context->pb->seekable & AVIO_SEEKABLE_NORMAL);
    medium.only_sound = context->nb_streams > 0;
    for (unsigned i = 0; i < context->nb_streams; i++)
        if (context->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
            medium.only_sound = 0;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!strcmp(context->iformat->name, others[i]))
            return;
    int64_t length = avio_size(context->pb);
    medium.length = length > 0 ? length : 0;
}

int avformat_open_input(AVFormatContext **context, const char *url, const AVInputFormat *format, AVDictionary **options) {
    int (*next)(AVFormatContext **, const char *, const AVInputFormat *, AVDictionary **) = dlsym(RTLD_NEXT, "avformat_open_input");
    int (*set)(AVDictionary **, const char *, const char *, int) = dlsym(RTLD_DEFAULT, "av_dict_set");
    if (quick && set && options)
        set(options, "fpsprobesize", "0", AV_DICT_DONT_OVERWRITE); // what the user set stays
    int err = next(context, url, format, options);
    if (err >= 0)
        look(*context);
    return err;
}

int av_read_frame(AVFormatContext *context, AVPacket *packet) {
    static int (*_Atomic next)(AVFormatContext *, AVPacket *);
    if (!next)
        next = dlsym(RTLD_NEXT, "av_read_frame");
    int err = next(context, packet);
    if (context->pb)
        seen.io_error = context->pb->error; // demuxers may make the end of it
    seen.ended = err == AVERROR_EOF;
    return err;
}

int avcodec_open2(AVCodecContext *context, const AVCodec *codec, AVDictionary **options) {
    int (*next)(AVCodecContext *, const AVCodec *, AVDictionary **) = dlsym(RTLD_NEXT, "avcodec_open2");
    int (*set)(void *, const char *, const char *, int) = dlsym(RTLD_DEFAULT, "av_opt_set");
    int (*set_int)(void *, const char *, int64_t, int) = dlsym(RTLD_DEFAULT, "av_opt_set_int");
    if (set_int && threads)
        set_int(context, "threads", threads, 0);
    if (set)
        set(context, "max_pixels", "134217728", 0); // 16384 x 8192
    if (set && slices)
        set(context, "thread_type", "slice", 0);
    if (!context->opaque) {
        atomic_bool *mine = &invented[atomic_fetch_add(&decoders, 1) % MAX_DECODERS];
        atomic_store(mine, 0);
        context->opaque = mine;
    }
    return next(context, codec, options);
}

int avcodec_receive_frame(AVCodecContext *context, AVFrame *frame) {
    static int (*_Atomic next)(AVCodecContext *, AVFrame *);
    if (!next)
        next = dlsym(RTLD_NEXT, "avcodec_receive_frame");
    int err = next(context, frame);
    if (err < 0)
        return err;
    seen.width = frame->width;
    seen.height = frame->height;
    seen.timestamp = frame->best_effort_timestamp;
    atomic_bool *mark = inventions_of(context);
    seen.damaged = frame->decode_error_flags || frame->flags & AV_FRAME_FLAG_CORRUPT || (mark && atomic_exchange(mark, 0));
    if (expected_width && (frame->width != expected_width || frame->height != expected_height))
        frame->data[0] = NULL; // without pixels there is nothing to convert
    return err;
}
