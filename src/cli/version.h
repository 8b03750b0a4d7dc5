#pragma once
/* version - DHOW_VERSION comes from meson.build's project(). */
#ifndef DHOW_VERSION
#define DHOW_VERSION "0.0.0"
#endif
