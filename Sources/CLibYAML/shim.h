#ifndef CONVOY_CLIBYAML_SHIM_H
#define CONVOY_CLIBYAML_SHIM_H

#include <yaml.h>

#endif
