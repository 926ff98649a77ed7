suppressMessages({library(survival); library(cmprsk); library(rms)})
a <- commandArgs(TRUE)
out <- list()
t <- read.csv(file.path(a[1], "outcomes.csv"))
tight <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
km <- survfit(Surv(time, event) ~ 1, t, conf.type = "log-log")
keep <- km$n.event > 0
out$km <- c(km$surv[keep][1:20], km$std.err[keep][1:20] * km$surv[keep][1:20], km$lower[keep][1:20], km$upper[keep][1:20])
out$median <- unname(summary(km)$table["median"])
entered <- survfit(Surv(entry, time, event) ~ 1, t)
out$entered <- entered$surv[entered$n.event > 0]
out$log_rank <- survdiff(Surv(time, event) ~ site, t)$chisq
cox <- coxph(Surv(time, event) ~ x + age + male, t, control = tight)
out$cox <- c(coef(cox), sqrt(diag(vcov(cox))), cox$loglik)
cox <- coxph(Surv(time, event) ~ x + age + male, t, ties = "breslow", control = tight)
out$breslow <- c(coef(cox), sqrt(diag(vcov(cox))))
cox <- coxph(Surv(entry, time, event) ~ x + age + male + strata(site), t, control = tight)
out$stratified <- c(coef(cox), sqrt(diag(vcov(cox))))
cox <- coxph(Surv(time, event) ~ x + age + male, t, cluster = cluster, weights = weight, control = tight)
out$robust <- c(coef(cox), sqrt(diag(vcov(cox))))
cox <- coxph(Surv(time, event) ~ x + age + male, t, control = tight)
zph <- cox.zph(cox, transform = "km")$table
out$zph <- c(zph[, "chisq"], zph[, "p"])
few <- coxph(Surv(time, few) ~ x + male, t, control = tight)
fixed <- function(b) { m <- coxph(Surv(time, few) ~ x + male, t, init = b, control = coxph.control(iter.max = 0))
  -(m$loglik[2] + 0.5 * determinant(solve(m$var))$modulus) }
firth <- optim(c(0, 0), fixed, method = "Nelder-Mead", control = list(reltol = 1e-16, maxit = 5000))
out$firth <- firth$par
# the same on a public data set of few events (ovarian cancer, in survival), brought to the maximum by Newton's method
penalised <- function(b) { m <- coxph(Surv(futime, fustat) ~ rx + resid.ds, ovarian, init = b, control = coxph.control(iter.max = 0))
  m$loglik[2] + 0.5 * determinant(solve(m$var))$modulus }
slope <- function(b, h = 1e-4) sapply(1:2, function(i) { e <- h * (1:2 == i)
  (8 * (penalised(b + e) - penalised(b - e)) - penalised(b + 2 * e) + penalised(b - 2 * e)) / (12 * h) })
b <- c(0, 0)
for (step in 1:8) { bend <- sapply(1:2, function(i) (slope(b + 1e-3 * (1:2 == i)) - slope(b - 1e-3 * (1:2 == i))) / 2e-3); b <- b - solve(bend, slope(b)) }
out$ovarian <- c(t(ovarian[c("futime", "fustat", "rx", "resid.ds")]))
out$ovarian_firth <- b
ci <- cuminc(t$time, t$state)
found <- timepoints(ci, quantile(t$time, c(0.2, 0.4, 0.6)))
out$incidence <- c(found$est["1 1", ], found$var["1 1", ])
t$status <- factor(t$state, 0:2, c("censored", "one", "two"))
fg <- finegray(Surv(time, status) ~ ., t, etype = "one", id = subject)
cox <- coxph(Surv(fgstart, fgstop, fgstatus) ~ x + age + male, fg, weights = fgwt, cluster = subject, control = tight)
out$fine_gray <- c(coef(cox), sqrt(diag(vcov(cox))))
other <- crr(t$exact, t$state, t[c("x", "age", "male")], gtol = 1e-10)
out$crr <- other$coef
lungs <- lung[complete.cases(lung[c("age", "sex", "ph.ecog")]), ]
out$lung <- c(t(lungs[c("time", "status", "age", "sex", "ph.ecog")]))
cox <- coxph(Surv(time, status) ~ age + sex + ph.ecog, lungs, control = tight)
out$lung_cox <- coef(cox)
# splines and interactions on the same data, by R's rms: knots, coefficients, Wald's tests, and the curve beside the median
lungs$dead <- lungs$status - 1; lungs$ecog <- lungs$ph.ecog
dist <- datadist(lungs); options(datadist = "dist")
four <- rcspline.eval(lungs$age, nk = 4, knots.only = TRUE)
at <- c(45, 55, 70, 75)
of <- function(m) { a <- anova(m); against <- contrast(m, list(age = at, ecog = 1), list(age = median(lungs$age), ecog = 1))
  c(four, coef(m)[grep("age", names(coef(m)))], a["age", "Chi-Square"], a[" Nonlinear", "Chi-Square"], against$Contrast, against$SE) }
out$rms_cox <- of(cph(Surv(time, dead) ~ rcs(age, four) + ecog, lungs, eps = 1e-14, iter.max = 50, x = TRUE, y = TRUE))
out$rms_logistic <- of(lrm(dead ~ rcs(age, four) + ecog, lungs, eps = 1e-14, maxit = 50))
both <- cph(Surv(time, dead) ~ age * sex + ecog, lungs, eps = 1e-14, iter.max = 50, x = TRUE, y = TRUE)
apart <- contrast(both, list(age = 61, sex = 1:2, ecog = 1), list(age = 60, sex = 1:2, ecog = 1))
out$rms_interaction <- c(rbind(apart$Contrast, apart$SE), anova(both)[" All Interactions", "Chi-Square"])
cat(jsonlite::toJSON(lapply(out, as.numeric), digits = NA), file = a[2])
