"""Settings of the steps: one frozen object per step, a section of the configuration (`angiolith.core.config`).

A step's modules import their own section alone, so that another step's new key changes nothing in their code digest.
"""
