# shellcheck shell=bash disable=SC2034
# For mise-tasks/services-check, after the section "HTTP endpoints".
echo ""
echo "Zot registry (read-only):"
zot-verify live --format brief || FAILED=1
