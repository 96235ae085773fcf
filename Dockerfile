# The tracker in a container. make docker && docker run --rm tracker --help
# For an NVIDIA GPU: docker build --target cuda -t tracker:cuda . (docs/gpu.md)
#
# BASE may be any image of Debian 12, whose OpenCV 4.6 and FFmpeg 5.1 are installed by name; GO_IMAGE must be of the same release.
ARG GO_IMAGE=golang:1.26-bookworm
ARG BASE=debian:bookworm-slim

FROM ${GO_IMAGE} AS build
ENV TRACKER_HOME=/usr/share/tracker
WORKDIR /src

# Downloads first: editing Go code does not repeat them.
COPY deploy/setup.sh deploy/onnxruntime.txt deploy/
RUN deploy/setup.sh packages runtime
COPY go.mod go.sum ./
RUN go mod download

COPY . .
ARG VERSION=dev
RUN make build VERSION="${VERSION}" && deploy/setup.sh models

# ONNX Runtime with CUDA 12 and cuDNN 9, pinned by SHA-256; the driver comes from the host.
FROM ${GO_IMAGE} AS cuda-libraries
ENV TRACKER_HOME=/usr/share/tracker
WORKDIR /src
COPY deploy/setup.sh deploy/cuda.txt deploy/
RUN deploy/setup.sh cuda

FROM ${BASE} AS base
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libavcodec59 \
        libavformat59 \
        libavutil57 \
        libopencv-core406 \
        libopencv-highgui406 \
        libopencv-imgcodecs406 \
        libopencv-imgproc406 \
        libopencv-videoio406 \
        libyuv0 \
    && rm -rf /var/lib/apt/lists/* \
    # Cameras (/dev/video*) belong to the group video.
    && useradd --uid 10001 --no-create-home --groups video tracker \
    && install -d -o tracker /data
COPY --from=build /usr/share/tracker /usr/share/tracker
COPY --from=build /src/LICENSE /usr/share/doc/tracker/LICENSE
COPY --from=build /src/bin/tracker /usr/local/bin/tracker
ENV TRACKER_HOME=/usr/share/tracker
USER 10001
WORKDIR /data
ENTRYPOINT ["tracker"]
CMD ["--help"]

FROM base AS cuda
COPY --from=cuda-libraries /usr/share/tracker/lib/cuda /usr/share/tracker/lib/cuda
# What the NVIDIA container runtime is to bring in, and where TensorRT's engines are kept.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    XDG_CACHE_HOME=/data/cache \
    TRACKER_DEVICE=cuda

FROM base
