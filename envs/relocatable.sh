#!/usr/bin/env bash
# The locked environment in one folder that may be moved: build it where there is internet (a login node), copy it to where
# jobs run. No root is needed. The same Python must be found on both machines under the same path.
#   envs/relocatable.sh FOLDER [LOCK ...]      PYTHON=python3.11 by default the python3 of the path
#   mv or tar FOLDER anywhere;  FOLDER/bin/snakemake ...
set -euo pipefail
folder=$(realpath -m "$1")
here=$(dirname "$(realpath "$0")")
shift
[ $# -gt 0 ] || set -- "$here/requirements.lock"

"${PYTHON:-python3}" -m venv "$folder"
for lock in "$@"; do # the locks are complete: nothing is left to be resolved
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$lock"
done
# A console script names its interpreter by an absolute path; here by its own place.
for script in "$folder"/bin/*; do
    if head -c 2 "$script" | grep -q '^#!' && head -n 1 "$script" | grep -qF "$folder/bin/python"; then
        {
            printf '%s\n' '#!/bin/sh' "'''exec' \"\$(dirname -- \"\$(realpath -- \"\$0\")\")/python\" \"\$0\" \"\$@\"" "' '''"
            tail -n +2 "$script"
        } >"$script.new"
        chmod --reference="$script" "$script.new"
        mv "$script.new" "$script"
    fi
done
rm -f "$folder"/bin/activate* # they hold the path that the folder was built at
echo "$folder: $("$folder/bin/python" -c 'import importlib.metadata as m; print(len(list(m.distributions())))') packages"
