#!/bin/sh
# Of the scenario's copies, which nobody keeps.
echo molecule
