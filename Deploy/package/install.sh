#!/bin/sh
#
# Installs Convoy from this directory below a prefix, or removes it from there. It needs no root if the prefix is yours.
set -eu

usage() {
    cat <<'USAGE'
Usage: ./install.sh [--prefix DIRECTORY] [--remove]

  --prefix DIRECTORY  where to install (default: /usr/local; without root, for example $HOME/.local)
  --remove            remove what was installed there; fleet files and journals stay
  --help

Installing again, or another release, replaces what is there.
USAGE
}

fail() {
    echo "install.sh: $1" >&2
    exit "${2:-1}"
}

prefix=/usr/local
remove=""
while [ $# -gt 0 ]; do
    case "$1" in
        --prefix)
            [ $# -ge 2 ] || fail "--prefix needs a directory" 64
            prefix=$2
            shift
            ;;
        --prefix=*) prefix=${1#--prefix=} ;;
        --remove) remove=yes ;;
        --help | -h)
            usage
            exit 0
            ;;
        *) fail "unknown argument '$1'; see --help" 64 ;;
    esac
    shift
done
case "$prefix" in
    "") fail "--prefix needs a directory" 64 ;;
    /*) ;;
    *) prefix=$PWD/$prefix ;;
esac
# What an installation put there, relative to the prefix.
list=$prefix/share/convoy/installed-files

remove_files() {
    while IFS= read -r file; do
        case "/$file/" in
            */../*) ;;
            *) rm -f "$prefix/$file" ;;
        esac
    done <"$list"
    rm -f "$list"
    for folder in share/convoy share/doc/convoy; do
        if [ -d "$prefix/$folder" ]; then find "$prefix/$folder" -depth -type d -exec rmdir {} \; 2>/dev/null || true; fi
    done
}

cannot_write() { fail "cannot write to $prefix: run it as root, or with --prefix \$HOME/.local"; }

if [ -n "$remove" ]; then
    [ -f "$list" ] || fail "nothing was installed in $prefix by this script"
    [ -w "$prefix/bin" ] && [ -w "$prefix/share/convoy" ] || cannot_write
    remove_files
    echo "removed Convoy from $prefix"
    exit 0
fi

here=$(cd "$(dirname "$0")" && pwd -P)

# A library that is missing would only show when the program starts.
package_of() {
    case "$1" in
        libpq.so.*) echo libpq5 ;;
        libyaml-0.so.*) echo libyaml-0-2 ;;
        libsqlite3.so.*) echo libsqlite3-0 ;;
        libstdc++.so.*) echo libstdc++6 ;;
        libgcc_s.so.*) echo libgcc-s1 ;;
        libz.so.*) echo zlib1g ;;
    esac
}
missing=$(ldd "$here/bin/convoy" 2>/dev/null | sed -n 's/^[[:space:]]*\([^ ]*\) => not found$/\1/p' | sort -u)
if [ -n "$missing" ]; then
    packages=""
    for library in $missing; do packages="$packages $(package_of "$library")"; done
    echo "install.sh: missing libraries:" $missing >&2
    echo "install.sh: on Debian: apt-get install" $packages >&2
    exit 1
fi
# What else the loader does not like, in its own words: another processor, or a C library that is too old.
"$here/bin/convoy" --version >/dev/null || fail "the program does not start here: it was built on Debian 12 for one kind of processor, and needs a C library (glibc) as new"

if ! mkdir -p "$prefix/bin" "$prefix/share/convoy" 2>/dev/null || ! [ -w "$prefix/bin" ] || ! [ -w "$prefix/share/convoy" ]; then
    cannot_write
fi
# A program that runs keeps its file, and there is one at any time.
cp "$here/bin/convoy" "$prefix/bin/.convoy.new"
mv -f "$prefix/bin/.convoy.new" "$prefix/bin/convoy"
# The set is replaced as a whole: a migration of another release must not stay.
if [ -f "$list" ]; then
    grep -v '^bin/' "$list" >"$list.old" || true
    mv -f "$list.old" "$list"
    remove_files
fi
rm -rf "$prefix/share/convoy/Migrations" "$prefix/share/convoy/schemas"
mkdir -p "$prefix/share/convoy"
(cd "$here" && find bin share -type f | sort) >"$list"
cp -R "$here/share/." "$prefix/share/"
echo "installed $("$prefix/bin/convoy" --version) as $prefix/bin/convoy"
case ":$PATH:" in
    *":$prefix/bin:"*) ;;
    *) echo "add $prefix/bin to your PATH" ;;
esac
