#!/bin/sh
exec /usr/lib/namestead/node_modules/node-linux-@NODE_ARCHITECTURE@/bin/node /usr/lib/namestead/bin/namestead.mjs "$@"
