#!/usr/bin/env bash
# Proves that a checkout works on a machine that has nothing but Debian 12, git and this machine's Node and npm: makes such a
# machine in a chroot, clones the repository into it, runs the commands there, and reports. Needs root, debootstrap and unshare.
#
#   scripts/fresh-machine.sh                        the demo's tour, then the tests
#   scripts/fresh-machine.sh --with-changes         with what is not committed yet
#   scripts/fresh-machine.sh 'npm run check' …      other commands, one after the other
#
# The package mirror and the proxy are those that apt uses on this machine. The bare system is kept as a tarball in the temp folder and
# used again; everything else is removed. Exit code 1: a command failed, or a process outlived it.
set -euo pipefail

suite=bookworm
packages=git,ca-certificates
temp=${TMPDIR:-/tmp}
base=$temp/pointsman-$suite-base.tar

fail() { echo "fresh-machine: $*" >&2; exit 2; }

main() {
  local with_changes=false
  if [[ ${1:-} == --with-changes ]]; then with_changes=true; shift; fi
  local commands=("$@")
  [[ ${#commands[@]} -gt 0 ]] || commands=('npm run demo -- --tour' 'npm test')

  [[ $(id -u) == 0 ]] || fail 'run it as root: it makes a chroot'
  local tool
  for tool in debootstrap unshare apt-get git node npm tar; do command -v "$tool" > /dev/null || fail "$tool is missing"; done
  cd "$(dirname "$0")/.."

  chroot=$(mktemp -d "$temp/pointsman-fresh-XXXXXX")
  # Mounts live in a namespace of their own and end with it, so nothing of this machine can be under the folder when it is removed.
  trap 'rm -rf --one-file-system "$chroot"' EXIT
  trap 'exit 130' INT TERM

  [[ -f $base ]] || make_base
  tar -C "$chroot" -xf "$base"
  chmod 755 "$chroot"
  copy_apt
  copy_node
  copy_repository "$with_changes"
  run_commands "${commands[@]}"
}

# Lines "uri codename component" of Debian's own package lists on this machine.
debian_sources() {
  apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' | awk '$4 == "Debian" { print $1, $2, $3 }' | sort -u
}

make_base() {
  local mirror folder
  mirror=$(debian_sources | awk -v suite="$suite" '$2 == suite { print $1; exit }')
  [[ -n $mirror ]] || fail "apt has no source for $suite on this machine"
  echo "fresh-machine: making the bare system from $mirror"
  folder=$(mktemp -d "$chroot/base-XXXXXX")
  debootstrap --variant=minbase --include="$packages" "$suite" "$folder" "$mirror" > "$chroot/debootstrap.log" 2>&1 ||
    { tail -n 20 "$chroot/debootstrap.log" >&2; fail 'debootstrap failed'; }
  rm -rf "$folder"/var/cache/apt/archives/*.deb
  tar -C "$folder" -cf "$base.part" . && mv "$base.part" "$base"
  rm -rf "$folder" "$chroot/debootstrap.log"
}

copy_apt() {
  debian_sources | awk '{ print "deb", $1, $2, $3 }' > "$chroot/etc/apt/sources.list"
  apt-config dump | grep -Ei '^Acquire::(https?::(proxy|no-?proxy)|Check-)' > "$chroot/etc/apt/apt.conf.d/99host" || true
  cp -L /etc/resolv.conf /etc/hosts "$chroot/etc/"
}

copy_node() {
  local npm_home
  npm_home=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
  install -D -m 755 "$(readlink -f "$(PATH=$(path_without_modules) command -v node)")" "$chroot/usr/local/bin/node"
  mkdir -p "$chroot/usr/local/lib/node_modules"
  cp -a "$npm_home" "$chroot/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$chroot/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$chroot/usr/local/bin/npx"
  # A network that signs for itself: its certificates, where update-ca-certificates does not replace them.
  if [[ -f ${NODE_EXTRA_CA_CERTS:-} ]]; then cp -L "$NODE_EXTRA_CA_CERTS" "$chroot/etc/host-certificates.crt"; fi
}

path_without_modules() { tr ':' '\n' <<< "$PATH" | grep -v node_modules | paste -sd:; }

copy_repository() {
  git clone --quiet . "$chroot/srv/pointsman"
  if [[ $1 == true ]]; then
    git ls-files -z --deleted | (cd "$chroot/srv/pointsman" && xargs -0 -r rm -f --)
    git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' path; do
      [[ ! -e $path ]] || printf '%s\0' "$path"
    done | tar --null -T - -cf - | tar -C "$chroot/srv/pointsman" -xf -
  fi
}

run_commands() {
  local environment=(HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "TERM=${TERM:-dumb}") name
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [[ -z ${!name:-} ]] || environment+=("$name=${!name}")
  done
  environment+=("npm_config_registry=$(npm config get registry)")
  [[ ! -f $chroot/etc/host-certificates.crt ]] || environment+=(NODE_EXTRA_CA_CERTS=/etc/host-certificates.crt)

  local command status=0 started
  for command in "$@"; do
    echo "fresh-machine: $command"
    started=$SECONDS
    if enter "${environment[@]}" -- "$command"; then
      echo "fresh-machine: ok after $((SECONDS - started)) s: $command"
    else
      echo "fresh-machine: FAILED ($?) after $((SECONDS - started)) s: $command"
      status=1
    fi
  done
  return "$status"
}

# Runs one command in the chroot, in process and mount namespaces of its own, and fails if a process is left when it has ended.
enter() {
  local environment=()
  while [[ $1 != -- ]]; do environment+=("$1"); shift; done
  # shellcheck disable=SC2016 # expanded inside
  unshare --mount --pid --fork --kill-child sh -c '
    chroot=$1; command=$2; shift 2
    mount -t proc proc "$chroot/proc" && mount --rbind /dev "$chroot/dev" || exit 2
    env -i "$@" chroot "$chroot" sh -c "cd /srv/pointsman && $command" < /dev/null
    status=$?
    tries=10 left=unknown
    while [ -n "$left" ] && [ $tries -gt 0 ]; do
      left= tries=$((tries - 1))
      # The list is made before anything is started to read it, so it holds nothing of our own but this shell.
      for folder in "$chroot"/proc/[0-9]*; do
        line=$(tr "\0" " " 2> /dev/null < "$folder/cmdline")
        case ${folder##*/} in 1 | $$) ;; *) [ -z "$line" ] || left="$left
    $line" ;; esac
      done
      [ -z "$left" ] || sleep 0.5
    done
    if [ -n "$left" ]; then echo "still running:$left"; status=3; fi
    exit $status
  ' enter "$chroot" "$2" "${environment[@]}"
}

main "$@"
