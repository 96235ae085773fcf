#!/usr/bin/env python3
"""A camera for tests: an RTSP server on the loopback whose pictures tell when they were made.

    server.py [--port N] [--codec h264|jpeg] [--fps N] [--size WxH] [--resize WxH] [--corrupt P]
    server.py --scene DIR [--scene DIR] [--epoch SECONDS] ...
    server.py --check    only tells whether all that it needs is here

It prints "ready PORT" once it listens; port 0 takes a free one. Each picture holds the Unix time of
its making, in milliseconds modulo 2^24, as a row of 24 black and white cells across its upper half,
the highest bit at the left. With --resize they come in that size from 3 s after the first.

With --scene it shows the JPEG pictures of a folder in the order of their names, over and over: which
one is told by the clock and --epoch (Unix time), so that a server started again goes on where life
would be. SIGUSR1 changes to the next folder, whose pictures may have another size.

--corrupt overwrites bytes of the encoded pictures at random, each with that probability.

Debian's packages: python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base
gstreamer1.0-plugins-good gstreamer1.0-plugins-bad (deploy/setup.sh testing installs them)
"""

import argparse
import itertools
import pathlib
import signal
import sys
import time

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer
except (ImportError, ValueError) as err:
    sys.exit(f"missing: {err}")

BITS = 24
RESIZE_AFTER = 3  # seconds
ENCODERS = {
    "h264": ("openh264enc gop-size=25 complexity=low", "rtph264pay config-interval=-1"),
    "jpeg": ("jpegenc", "rtpjpegpay"),
}


def size(text):
    width, height = map(int, text.split("x"))
    return width, height


def picture(width, height):
    """The luma and chroma (I420) of a picture that shows the time."""
    now = time.time_ns() // 1_000_000 % (1 << BITS)
    cells = (0xEB if now >> (BITS - 1 - x * BITS // width) & 1 else 0x10 for x in range(width))
    return bytes(cells) * (height // 2) + b"\x60" * (width * height // 2) + b"\x80" * (width * height // 2)


class Clock:
    """Makes pictures that show the time."""

    elements = []

    def __init__(self, args):
        self.args = args
        self.first = None  # when the first picture was asked for

    def picture(self):
        self.first = self.first or time.monotonic()
        resized = self.args.resize and time.monotonic() - self.first > RESIZE_AFTER
        width, height = self.args.resize if resized else self.args.size
        return f"video/x-raw,format=I420,width={width},height={height}", picture(width, height)


class Scene:
    """Shows the pictures of a folder, by the clock."""

    elements = ["jpegdec", "videoconvert"]

    def __init__(self, args):
        self.args = args
        self.scenes = [[path.read_bytes() for path in sorted(pathlib.Path(folder).glob("*.jpg"))] for folder in args.scene]
        self.turn = itertools.cycle(range(len(self.scenes)))
        self.next()
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGUSR1, self.next)

    def next(self):
        self.pictures = self.scenes[next(self.turn)]
        return GLib.SOURCE_CONTINUE

    def picture(self):
        number = int((time.time() - self.args.epoch) * self.args.fps)
        return "image/jpeg", self.pictures[number % len(self.pictures)]


def chain(args, source):
    """The elements between the pictures and the network."""
    encoder, payloader = ENCODERS[args.codec]
    elements = [*source.elements, encoder, payloader + " name=pay0 pt=96"]
    if args.corrupt:
        elements.insert(-1, f"breakmydata probability={args.corrupt}")
    return elements


class Camera(GstRtspServer.RTSPMediaFactory):
    def __init__(self, args):
        super().__init__()
        self.args = args
        self.source = Scene(args) if args.scene else Clock(args)
        self.set_shared(True)
        elements = ["appsrc name=pictures is-live=true do-timestamp=true format=time", *chain(args, self.source)]
        self.set_launch("( " + " ! ".join(elements) + " )")

    def do_configure(self, media):
        pictures = media.get_element().get_child_by_name("pictures")
        self.push(pictures)
        timer = GLib.timeout_add(1000 // self.args.fps, self.push, pictures)
        media.connect("unprepared", lambda _: GLib.source_remove(timer))

    def push(self, pictures):
        caps, data = self.source.picture()
        pictures.set_property("caps", Gst.Caps.from_string(f"{caps},framerate={self.args.fps}/1"))
        pictures.emit("push-buffer", Gst.Buffer.new_wrapped(data))
        return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--port", default="0")
    parser.add_argument("--codec", choices=ENCODERS, default="h264")
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--size", type=size, default=(384, 288))
    parser.add_argument("--resize", type=size)
    parser.add_argument("--scene", action="append", default=[])
    parser.add_argument("--epoch", type=float, default=0)
    parser.add_argument("--corrupt", type=float, default=0)
    args = parser.parse_args()

    Gst.init(None)
    for element in [e for names in ENCODERS.values() for e in names] + Scene.elements + ["breakmydata"]:
        if not Gst.ElementFactory.find(element.split()[0]):
            sys.exit("missing: GStreamer's " + element.split()[0])
    if args.check:
        return
    server = GstRtspServer.RTSPServer(address="127.0.0.1", service=args.port)
    server.get_mount_points().add_factory("/live", Camera(args))
    if not server.attach(None):
        sys.exit("cannot listen on port " + args.port)
    print("ready", server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


main()
