# Pooling of sites by R's metafor. Arguments: folder of the tables, output (JSON, all digits).
suppressMessages(library(metafor))
arguments <- commandArgs(TRUE)
out <- list()
numbers <- function(m) c(m$beta, m$se, m$tau2, m$QE, m$QEp, m$I2)
given <- read.csv(file.path(arguments[1], "sites.csv"))
for (method in c("EE", "DL", "REML"))
  out[[method]] <- numbers(rma(yi, sei = sei, data = given, method = method, control = list(threshold = 1e-12, maxiter = 1000)))
trials <- escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg) # BCG vaccine, Colditz 1994
out$bcg <- c(rbind(trials$yi, sqrt(trials$vi)))
out$bcg_reml <- numbers(rma(yi, vi, data = trials, method = "REML", control = list(threshold = 1e-12, maxiter = 1000)))
cat(jsonlite::toJSON(lapply(out, as.numeric), digits = NA), file = arguments[2])
