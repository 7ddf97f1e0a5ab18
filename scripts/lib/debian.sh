# Debian packages for scripts: programs installed into the system, and packages of any suite and architecture unpacked
# into a folder of ours. For sourcing. Mirrors are those of this machine's own apt configuration; signatures are checked.

KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

has() {
    PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null
}

# debian_programs "PROGRAM PACKAGE"...: installs the packages whose programs are missing; only root can.
debian_programs() {
    local missing=() entry
    for entry in "$@"; do
        has "${entry% *}" || missing+=("${entry#* }")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || die "missing, and only root can install: apt-get install ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q >/dev/null || echo "the package lists could not be renewed" >&2
    apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null || die "could not install ${missing[*]}"
}

# debian_mirror main|security: where this machine takes its packages from.
debian_mirror() {
    local security=-v
    [ "$1" = main ] || security=-e
    apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
        grep $security -- '-security$' | cut -d' ' -f1 | sort -u | head -1
}

# debian_lists DIR ARCH LINE...: an apt of our own in DIR with the suites "main|security SUITE COMPONENT...", each LINE one.
# A second call takes what is there, unless it is older than a day. Later calls of apt in this shell use it.
debian_lists() {
    local dir=$1 arch=$2 line mirror
    shift 2
    [ -r $KEYRING ] || die "$KEYRING is missing: apt-get install debian-archive-keyring"
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/parts"
    : >"$dir/status"
    : >"$dir/sources.new"
    for line in "$@"; do
        mirror=$(debian_mirror "${line%% *}")
        [ -n "$mirror" ] || die "apt on this machine knows no mirror for the suite: $line"
        echo "deb [signed-by=$KEYRING] $mirror ${line#* }" >>"$dir/sources.new"
    done
    cat >"$dir/conf" <<EOF
Dir::State "$dir";
Dir::State::Lists "$dir/lists";
Dir::State::status "$dir/status";
Dir::Cache "$dir/cache";
Dir::Etc::sourcelist "$dir/sources";
Dir::Etc::sourceparts "$dir/parts";
Dir::Etc::preferences "$dir/preferences";
Dir::Etc::preferencesparts "$dir/parts";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "root";
APT::Default-Release "";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
EOF
    export APT_CONFIG=$dir/conf
    if ! cmp -s "$dir/sources.new" "$dir/sources" || [ -z "$(find "$dir/fresh" -mtime -1 2>/dev/null)" ]; then
        mv "$dir/sources.new" "$dir/sources"
        if apt-get update -q >"$dir/log" 2>&1; then
            touch "$dir/fresh"
        elif [ -e "$dir/fresh" ]; then
            echo "the package lists could not be renewed; going on with those of $(date -r "$dir/fresh" +%F)" >&2
        else
            tail -5 "$dir/log" >&2
            die "the package lists could not be fetched"
        fi
    fi
    rm -f "$dir/sources.new"
}

# debian_fetch DIR PACKAGE...: the packages (NAME, NAME/SUITE or NAME=VERSION) as files in DIR, whose names it prints.
# What is there is kept, whatever is newest by now, so that a second build takes the same packages.
debian_fetch() {
    local dir=$1 package file
    shift
    mkdir -p "$dir"
    for package in "$@"; do
        file=$(cd "$dir" && ls -t "${package%%[/=]*}"_*.deb 2>/dev/null | head -1 || true)
        if [ -z "$file" ]; then
            rm -rf "$dir/new" && mkdir "$dir/new"
            (cd "$dir/new" && apt-get download -q "$package" >"$dir/log" 2>&1) || {
                tail -5 "$dir/log" >&2
                die "could not fetch the package $package"
            }
            file=$(cd "$dir/new" && ls ./*.deb)
            file=${file#./}
            mv "$dir/new/$file" "$dir/$file"
            rmdir "$dir/new"
        fi
        echo "$dir/$file"
    done
}
