#!/usr/bin/env bash
# Install what the tracker needs beyond Go. Running it again costs nothing.
#
#   deploy/setup.sh [packages|runtime|models|video|ssd|openvino|cuda|cuda13|testing]...    default: packages runtime models video
#
#   packages  compiler, OpenCV, FFmpeg and libyuv, from the system's own packages (needs root or sudo)
#   runtime   ONNX Runtime             -> $TRACKER_HOME/lib
#   models    the detectors of models/ that are not built in   -> $TRACKER_HOME/models
#   video     the demo's street scene  -> build/vtest.avi
#   ssd       a third-party detector, ssd-mobilenetv2 -> $TRACKER_HOME/models
#   openvino  ONNX Runtime with OpenVINO, for --device openvino (84 MB) -> $TRACKER_HOME/lib/openvino
#   cuda      ONNX Runtime with CUDA, CUDA 12 and cuDNN 9, for --device cuda (1.9 GB to fetch, 2.9 GB on the disk) -> $TRACKER_HOME/lib/cuda
#   cuda13    the same with CUDA 13, for drivers of version 580 or newer (1.4 GB) -> $TRACKER_HOME/lib/cuda
#   testing   for the tests, which skip without: an RTSP server, ffmpeg and a browser, from the system's own packages, and
#             an S3 server, built from its sources -> $TRACKER_HOME/bin
#
# TRACKER_HOME defaults to ${XDG_DATA_HOME:-~/.local/share}/tracker. Everything downloaded is pinned
# and checked by SHA-256; registries and mirrors are those that pip, npm and apt are set up to use.
set -euo pipefail

readonly ORT_VERSION=1.24.3
readonly S3_SERVER=github.com/versity/versitygw S3_SERVER_VERSION=v1.8.0
readonly OBJECTRON=@mediapipe/objectron@0.4.1675468480
readonly ASSETS=objectron_solution_packed_assets.data
readonly ASSETS_SHA256=470986ca5df183f41698da6de74b027d838fe289d77b5ab094497d350bee664e
readonly VIDEO_SHA256=45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT
readonly MANIFEST=$ROOT/training/ssd-mobilenetv2.json
readonly TRACKER_HOME=${TRACKER_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/tracker}
readonly PYTHON=${PYTHON:-python3}
# What the converter and pip need; a minimal Python lacks some of it.
readonly PYTHON_MODULES='argparse, hashlib, json, struct, zipfile'

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# is_sha256 FILE DIGEST: the file is there and has this content.
is_sha256() { [[ -f $1 ]] && echo "$2  $1" | sha256sum --check --status 2>/dev/null; }

as_root() {
	if [[ $(id -u) == 0 ]]; then "$@"
	elif have sudo; then sudo "$@"
	else die "'$*' needs root: run it as root, or install sudo"; fi
}

# apt_install PACKAGE...: quietly; apt's own words appear only where it fails.
apt_install() {
	[[ $# == 0 ]] && return
	have apt-get || die "missing, in Debian's names: $*; install them with your package manager"
	say "installing packages: $*"
	apt_update
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
		install -y --no-install-recommends "$@" >"$WORK/apt.log" 2>&1 ||
		{ tail -n 30 "$WORK/apt.log" >&2; die "apt-get could not install: $*"; }
}

# apt_update: refresh the package lists, once a run.
apt_update() {
	[[ -n ${APT_UPDATED:-} ]] && return
	as_root apt-get update -qq
	APT_UPDATED=yes
}

# A fresh folder on the same file system as TRACKER_HOME, so that results can be renamed into place.
workdir() {
	mkdir -p "$TRACKER_HOME"
	WORK=$(mktemp -d "$TRACKER_HOME/.setup.XXXXXX")
	trap 'rm -rf "$WORK"' EXIT
}

setup_packages() {
	local missing=()
	have g++ || missing+=(g++)
	have pkg-config || missing+=(pkg-config)
	have pkg-config && pkg-config --exists opencv4 || missing+=(libopencv-dev)
	have pkg-config && pkg-config --exists libavcodec libavformat libavutil || missing+=(libavcodec-dev libavformat-dev libavutil-dev)
	[[ -e /usr/include/libyuv.h || -e /usr/local/include/libyuv.h ]] || missing+=(libyuv-dev)
	[[ -e /etc/ssl/certs/ca-certificates.crt || -d /etc/pki ]] || missing+=(ca-certificates)
	apt_install "${missing[@]}"
	need_go
}

# need_go: the Go that go.mod asks for, or one that fetches it. Such a one (1.21 or newer, with GOTOOLCHAIN not local)
# says the version of what it fetched; one that may not fetch says its own.
need_go() {
	local wanted=1.26 has fix why
	# In the container's first step there is no go.mod yet; its base image has the Go.
	[[ ! -e $ROOT/go.mod ]] || wanted=$(sed -n 's/^go \([0-9.]*\).*/\1/p' "$ROOT/go.mod")
	fix="install Go $wanted or newer (https://go.dev/dl/) and put it on the PATH"
	have go || die "the Go toolchain is missing: $fix"
	# Outside of the module go does not fetch another, and inside it fails where it must and cannot.
	if has=$(cd "$ROOT" && go env GOVERSION 2>/dev/null); then
		has=${has#go}
	else
		why=$(cd "$ROOT" && go env GOVERSION 2>&1 | tail -n 1 || true)
		die "Go cannot work here ($why); go.mod asks for $wanted: connect to the network if it could not fetch that, or $fix"
	fi
	[[ $has != devel* ]] || return 0 # built from the sources: go itself says if that will not do
	has=${has%%[!0-9.]*} # of go1.27rc1 and "go1.26.0 X:..." the number
	[[ $(printf '%s\n' "$wanted" "$has" | sort -V | head -n 1) == "$wanted" ]] ||
		die "Go $has is older than $wanted, which go.mod asks for: $fix; 1.21 or newer fetches it after 'go env -w GOTOOLCHAIN=auto'"
}

# need_python [pip]: Python, and pip where asked for, or the packages that bring them.
need_python() {
	local missing=()
	"$PYTHON" -c "import $PYTHON_MODULES" 2>/dev/null || missing+=(python3)
	[[ ${1:-} != pip ]] || "$PYTHON" -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
	apt_install "${missing[@]}"
}

setup_runtime() {
	local platform digest library=libonnxruntime.so.$ORT_VERSION
	case $(uname -sm) in
	"Linux x86_64")
		platform=manylinux_2_28_x86_64
		digest=12e097b0705253189cd2cde73a091febefb7348edcfe606cd54aec010a4bab2b ;;
	"Linux aarch64")
		platform=manylinux_2_28_aarch64
		digest=34b560ca50f0ba1228a715ce3bedb14eb0fa8e9002dd43dfe083be399f67d7ad ;;
	*) die "no pinned ONNX Runtime for $(uname -sm): build version $ORT_VERSION or newer and" \
		"name the library in TRACKER_ORT_LIB" ;;
	esac
	is_sha256 "$TRACKER_HOME/lib/$library" "$digest" && return

	say "fetching ONNX Runtime $ORT_VERSION (17 MB)"
	need_python pip
	"$PYTHON" -m pip download --quiet --disable-pip-version-check --dest "$WORK" --no-deps \
		--only-binary=:all: --implementation cp --python-version 3.11 --platform "$platform" \
		--require-hashes --requirement "$ROOT/deploy/onnxruntime.txt"
	"$PYTHON" -m zipfile -e "$WORK"/onnxruntime-*.whl "$WORK/wheel"
	local wheel=$WORK/wheel/onnxruntime
	is_sha256 "$wheel/capi/$library" "$digest" || die "$library in the wheel is not the pinned one"
	mkdir -p "$TRACKER_HOME/lib"
	mv "$wheel/LICENSE" "$TRACKER_HOME/lib/onnxruntime-LICENSE.txt"
	mv "$wheel/ThirdPartyNotices.txt" "$TRACKER_HOME/lib/onnxruntime-ThirdPartyNotices.txt"
	mv "$wheel/capi/$library" "$TRACKER_HOME/lib/"
	say "installed $TRACKER_HOME/lib/$library"
}

# The manifest comes last: without it there is no model.
setup_models() {
	local manifest model to=$TRACKER_HOME/models
	retire "$to"
	for manifest in "$ROOT"/models/*-fp16.json; do
		[[ -e $manifest ]] || continue
		model=${manifest%.json}.onnx
		cmp -s "$manifest" "$to/$(basename "$manifest")" && cmp -s "$model" "$to/$(basename "$model")" && continue
		mkdir -p "$to"
		cp "$model" "$manifest" "$WORK"
		mv "$WORK/$(basename "$model")" "$to/"
		mv "$WORK/$(basename "$manifest")" "$to/"
		say "installed $to/$(basename "$model")"
	done
}

# retire FOLDER: remove models that earlier versions installed and that better ones have replaced, so that
# they no longer stand for their families.
retire() {
	local name sha256
	while read -r name sha256; do
		grep -qs "$sha256" "$1/$name.json" || continue # not there, or somebody's own
		rm -f "$1/$name.json" "$1/$name.onnx"
		say "removed $1/$name.onnx, which a better model replaces"
	done <<-END
		resnet18-fp16 a38d4667bf746f5c29b1b525be0e5f3afa0e71f4246acd81a3d3032a299705b2
		resnest14-fp16 91d2bd15be9cb3ee4f3973c97c56160660813007baa984ea7047882a4d6704e9
	END
}

# setup_bundle NAME FOLDER FILE...: a folder of its own under lib/ for the libraries, named by patterns, of
# the wheels that deploy/NAME.txt pins.
setup_bundle() {
	local name=$1 dir=$TRACKER_HOME/lib/$2 platforms=() tag wheel pattern
	shift 2
	[[ $(uname -sm) == "Linux x86_64" ]] || die "no pinned $name libraries for $(uname -sm): put a build of" \
		"ONNX Runtime that has $name into $dir, or name it in TRACKER_ORT_LIB"
	cmp -s "$ROOT/deploy/$name.txt" "$dir/wheels.txt" && return

	say "fetching the libraries for $name"
	need_python pip
	for tag in manylinux_2_28 manylinux_2_27 manylinux_2_17 manylinux2014 manylinux_2_12 manylinux2010; do
		platforms+=(--platform "${tag}_x86_64")
	done
	mkdir -p "$WORK/$name/wheels" "$WORK/$name/lib"
	"$PYTHON" -m pip download --quiet --disable-pip-version-check --dest "$WORK/$name/wheels" --no-deps \
		--only-binary=:all: --implementation cp --python-version 3.11 "${platforms[@]}" \
		--require-hashes --requirement "$ROOT/deploy/$name.txt"
	for wheel in "$WORK/$name/wheels"/*.whl; do
		"$PYTHON" -m zipfile -e "$wheel" "$WORK/$name/wheel"
		rm "$wheel"
	done
	for pattern in "$@"; do
		find "$WORK/$name/wheel" -name "$pattern" -exec mv -t "$WORK/$name/lib" {} +
	done
	keep_licences "$WORK/$name"
	cp "$ROOT/deploy/$name.txt" "$WORK/$name/lib/wheels.txt"
	rm -rf "$dir"
	mkdir -p "$TRACKER_HOME/lib"
	mv "$WORK/$name/lib" "$dir"
	say "installed $dir"
}

# keep_licences FOLDER: those of FOLDER/wheel, each under its package's name, into FOLDER/lib.
keep_licences() {
	local file package
	while IFS= read -r file; do
		package=${file#"$1/wheel/"}
		cp "$file" "$1/lib/LICENCE-${package//\//-}"
	done < <(find "$1/wheel" -iname 'licen[cs]e*' -type f -o -name 'ThirdPartyNotices.txt')
}

setup_openvino() {
	setup_bundle openvino openvino 'libonnxruntime.so.*' 'libonnxruntime_providers_*.so' 'libopenvino.so.????' \
		'libopenvino_onnx_frontend.so.????' 'libopenvino_*_plugin.so' 'libtbb*.so*'
}

setup_cuda() { setup_cuda_bundle cuda; }

setup_cuda13() { setup_cuda_bundle cuda13; }

# setup_cuda_bundle NAME: one takes the place of the other.
setup_cuda_bundle() {
	setup_bundle "$1" cuda 'libonnxruntime.so.*' 'libonnxruntime_providers_*.so' 'libcublas*.so.*' 'libcudart.so.*' \
		'libcudnn*.so.*' 'libcufft.so.*' 'libcurand.so.*' 'libnvJitLink.so.*' 'libnvrtc.so.*' 'libnvrtc-builtins.so.*'
}

# manifest_value KEY: a text value at the top level of the model's manifest.
manifest_value() { sed -n "s/^  \"$1\": \"\(.*\)\",\$/\1/p" "$MANIFEST"; }

setup_ssd() {
	local models=$TRACKER_HOME/models file digest
	file=$(manifest_value file)
	digest=$(manifest_value sha256)
	cmp -s "$MANIFEST" "$models/$(basename "$MANIFEST")" &&
		is_sha256 "$models/$file" "$digest" && return

	need_python
	fetch_assets
	mkdir -p "$models"
	"$PYTHON" "$ROOT/training/convert_ssd.py" "$ROOT/build/$ASSETS" "$MANIFEST" "$models"
	cp "$ROOT/LICENSE" "$models/LICENSE.Apache-2.0"
	say "installed $models/$file"
}

# fetch_assets: the file that holds the model, kept in build/ for the converter's test.
fetch_assets() {
	is_sha256 "$ROOT/build/$ASSETS" "$ASSETS_SHA256" && return
	say "fetching the SSD-MobileNetV2 detector (33 MB)"
	have npm || apt_install npm
	(cd "$WORK" && npm pack --silent "$OBJECTRON" >/dev/null)
	tar -xzf "$WORK"/mediapipe-objectron-*.tgz -C "$WORK" "package/$ASSETS"
	is_sha256 "$WORK/package/$ASSETS" "$ASSETS_SHA256" || die "$ASSETS in $OBJECTRON is not the pinned one"
	install -Dm644 "$WORK/package/$ASSETS" "$ROOT/build/$ASSETS"
}

setup_video() {
	local video=$ROOT/build/vtest.avi installed=/usr/share/doc/opencv-doc/examples/data/vtest.avi
	is_sha256 "$video" "$VIDEO_SHA256" && return
	if is_sha256 "$installed" "$VIDEO_SHA256"; then
		install -Dm644 "$installed" "$video"
		return
	fi
	if ! have apt-get; then
		say "no apt-get, so no demo video: run bin/tracker with an --input of your own"
		return
	fi
	say "fetching the demo video from Debian's opencv-doc (96 MB)"
	(cd "$WORK" && download_deb opencv-doc)
	dpkg-deb -x "$WORK"/opencv-doc_*.deb "$WORK/doc"
	is_sha256 "$WORK/doc$installed" "$VIDEO_SHA256" || die "vtest.avi in opencv-doc is not the pinned one"
	install -Dm644 "$WORK/doc$installed" "$video"
}

# download_deb PACKAGE: its .deb, into the working folder; nothing is installed.
download_deb() {
	# apt drops to a user that may not write here; root keeps it quiet.
	local get=(apt-get -o APT::Sandbox::User=root -qq download "$1")
	"${get[@]}" 2>/dev/null && return
	apt_update
	"${get[@]}"
}

setup_testing() {
	local missing=()
	have ffmpeg || missing+=(ffmpeg)
	/usr/bin/python3 "$ROOT/capture/rtsptest/server.py" --check 2>/dev/null ||
		missing+=(python3 python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{base,good,bad})
	if [[ ${#missing[@]} != 0 ]] && ! have apt-get; then
		say "no apt-get, so no RTSP server, ffmpeg or browser: the tests that need them are skipped"
	else
		apt_install "${missing[@]}"
		have chromium || (apt_install chromium) || say "no browser: nobody looks at the page of --serve"
	fi
	setup_s3_server
}

# setup_s3_server: Go's checksum database vouches for its sources.
setup_s3_server() {
	local program=$TRACKER_HOME/bin/versitygw
	[[ $(go version -m "$program" 2>/dev/null) == *$'\tmod\t'"$S3_SERVER"$'\t'"$S3_SERVER_VERSION"$'\t'* ]] && return
	say "building the S3 server for the tests (2 minutes)"
	if ! GOBIN=$WORK go install -ldflags '-s -w' "$S3_SERVER/cmd/versitygw@$S3_SERVER_VERSION"; then
		say "no S3 server: the tests of results in a store are skipped"
		return
	fi
	mkdir -p "$TRACKER_HOME/bin"
	mv "$WORK/versitygw" "$program"
	say "installed $program"
}

main() {
	[[ $# -gt 0 ]] || set -- packages runtime models video
	workdir
	for step in "$@"; do
		case $step in
		packages | runtime | models | video | ssd | openvino | cuda | cuda13 | testing) "setup_$step" ;;
		*) die "no step '$step'; steps: packages runtime models video ssd openvino cuda cuda13 testing" ;;
		esac
	done
}

main "$@"
