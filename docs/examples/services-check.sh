# shellcheck shell=bash disable=SC2034
# For mise-tasks/services-check, after the section "HTTP endpoints": what can be seen without a secret.
echo ""
echo "Zot registry (read-only):"
zot-verify live --format brief \
  'pull.*' 'push.*-denied' login.redirect metrics.anonymous version.known-traps || FAILED=1
