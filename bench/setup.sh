# setup.sh: what bench/quickstart and tests/run share: environment, packages, configure, build. POSIX sh; sourced with
# $root (the repository) set. Everything it says goes to stderr; stdout belongs to the program.

say() { printf 'regbench: %s\n' "$*" >&2; }

# An empty environment is fine: dpkg needs a PATH with the sbin folders, cmake and the data cache a HOME.
setup_environment() {
    if [ -z "${PATH:-}" ] || [ "$(command -v sed)" = "" ]; then
        PATH=/usr/local/bin:/usr/bin:/bin
    fi
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
    if [ -z "${HOME:-}" ]; then
        HOME=$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6)
        [ -n "$HOME" ] || HOME=/tmp
    fi
    export PATH HOME
}

# Names of bench/packages that dpkg does not know as installed, one query for all.
missing_packages() {
    wanted=$(sed 's/#.*//' "$root/bench/packages" | tr -s '[:space:]' ' ')
    # shellcheck disable=SC2086 # a list of words
    have=" $(dpkg-query -W -f='${Package}=${db:Status-Status} ' $wanted 2>/dev/null) "
    missing=
    for package in $wanted; do
        case $have in
        *" $package=installed "*) ;;
        *) missing="$missing $package" ;;
        esac
    done
    printf '%s' "${missing# }"
}

# apt-get as root, waiting for another apt, asking nothing. $as_root is empty or sudo.
apt() {
    # shellcheck disable=SC2086 # empty or one word
    $as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
        apt-get -y -q -o DPkg::Lock::Timeout=300 "$@" </dev/null >>"$log" 2>&1
}

# Installs what is missing. Never fails: where it cannot install it says which packages are wanted, and configuring
# decides whether they are there by another way.
setup_packages() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "no apt here; these Debian packages, or what your system calls them, must be there:"
        say "  $(sed 's/#.*//' "$root/bench/packages" | tr -s '[:space:]' ' ')"
        return 0
    fi
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    as_root=
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
            as_root=sudo
            [ ! -t 0 ] || sudo -v || true # the one place where a password may be asked
        else
            say "missing packages, and neither root nor sudo to install them; run this, then try again:"
            say "  apt-get update && apt-get install -y --no-install-recommends $missing"
            return 0
        fi
    fi
    mkdir -p "$root/build"
    log=$root/build/packages.log
    : >"$log"
    say "installing with apt-get (log: build/packages.log): $missing"
    set -- /var/lib/apt/lists/*_Packages*
    updated=
    if [ ! -e "$1" ]; then
        apt update || true
        updated=yes
    fi
    # shellcheck disable=SC2086 # a list of words, here and below
    if ! apt install --no-install-recommends $missing; then
        [ -n "$updated" ] || apt update || true
        if ! apt install --no-install-recommends $missing; then
            # One unknown name makes apt-get refuse the whole list.
            for package in $missing; do apt install --no-install-recommends "$package" || true; done
        fi
    fi
    missing=$(missing_packages)
    if [ -n "$missing" ]; then
        tail -n 5 "$log" >&2
        say "could not be installed, going on without: $missing"
    fi
}

# Runs a command with its output in a log, shown where it fails: logged LOG COMMAND..
logged() {
    to=$1
    shift
    "$@" >"$to" 2>&1 && return 0
    code=$?
    tail -n 60 "$to" >&2
    return $code
}

# Configures and builds a preset: build_preset release
build_preset() {
    preset=$1
    folder=$root/build/$preset
    if ! command -v cmake >/dev/null; then
        say "cmake is missing; the packages that are needed stand in bench/packages"
        return 1
    fi
    mkdir -p "$root/build"
    # A build folder that came along with a copied or moved repository is of no use to CMake.
    if [ -f "$folder/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$folder/CMakeCache.txt"; then
        rm -rf "$folder"
    fi
    if ! (cd "$root" && logged "$root/build/$preset-configure.log" cmake --preset "$preset"); then
        say "configuring failed (log: build/$preset-configure.log); the packages that are needed stand in bench/packages"
        return 1
    fi
    say "building build/$preset"
    if ! (cd "$root" && logged "$root/build/$preset-build.log" cmake --build --preset "$preset"); then
        say "building failed (log: build/$preset-build.log)"
        return 1
    fi
}
