"use strict";
function makeEditor(element, props, watch, server) {}
