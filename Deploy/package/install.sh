#!/bin/sh
#
# Installs Convoy from this directory below a prefix. It needs no root if the prefix is yours.
set -eu

prefix=/usr/local
case "${1:-}" in
    "") ;;
    --prefix)
        [ $# -eq 2 ] || { echo "install.sh: --prefix needs a directory" >&2; exit 64; }
        prefix=$2
        ;;
    --prefix=*) prefix=${1#--prefix=} ;;
    --help | -h)
        echo "Usage: ./install.sh [--prefix DIRECTORY]   (default: /usr/local; without root, for example \$HOME/.local)"
        exit 0
        ;;
    *)
        echo "install.sh: unknown argument '$1'; see --help" >&2
        exit 64
        ;;
esac

here=$(cd "$(dirname "$0")" && pwd -P)
if ! mkdir -p "$prefix/bin" 2>/dev/null || ! [ -w "$prefix/bin" ]; then
    echo "install.sh: cannot write to $prefix: run it as root, or with --prefix \$HOME/.local" >&2
    exit 1
fi

# A library that is missing would only show when the program starts.
missing=$(ldd "$here/bin/convoy" 2>/dev/null | sed -n 's/^[[:space:]]*\(.*\) => not found$/\1/p' | tr '\n' ' ')
if [ -n "$missing" ]; then
    echo "install.sh: missing libraries: $missing" >&2
    echo "install.sh: on Debian: apt-get install libpq5 libyaml-0-2 libsqlite3-0" >&2
    exit 1
fi

# The set is replaced as a whole: a migration of an older version must not stay.
rm -rf "$prefix/share/convoy"
mkdir -p "$prefix/share"
cp -R "$here/share/." "$prefix/share/"
# A program that runs keeps its file.
cp "$here/bin/convoy" "$prefix/bin/.convoy.new"
mv -f "$prefix/bin/.convoy.new" "$prefix/bin/convoy"
echo "installed $("$prefix/bin/convoy" --version) as $prefix/bin/convoy"
case ":$PATH:" in
    *":$prefix/bin:"*) ;;
    *) echo "add $prefix/bin to your PATH" ;;
esac
