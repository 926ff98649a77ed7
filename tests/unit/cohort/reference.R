# Every statistic of the cohort by R's own functions. Arguments: folder of the tables, output (JSON, all digits).
suppressMessages({library(MASS); library(lme4); library(psych); library(geepack); library(brglm2); library(ordinal)
                  library(pROC); library(pwr); library(mice)})
arguments <- commandArgs(TRUE)
wide <- read.csv(file.path(arguments[1], "wide.csv"))
lesions <- read.csv(file.path(arguments[1], "lesions.csv"))
visits <- read.csv(file.path(arguments[1], "visits.csv"))
two <- wide$group3 != 2
out <- list()

# logistic regression: glm; an exact profile (MASS interpolates its own with a spline); the likelihood-ratio test
full <- wide[complete.cases(wide[c("event", "x", "age", "male", "site")]), ]
tight <- glm.control(epsilon = 1e-14, maxit = 100)
model <- glm(event ~ x + age + male + site, binomial, full, control = tight)
model <- glm(event ~ x + age + male + site, binomial, full, start = coef(model), control = tight) # errors at the maximum
out$logistic <- summary(model)$coefficients["x", c(1, 2, 4)]
out$logistic_site <- summary(model)$coefficients[c("siteb", "sitec"), 1]
out$logistic_wald <- confint.default(model)["x", ]
rest <- glm(event ~ age + male + site, binomial, full, control = tight)
out$logistic_lr_p <- anova(rest, model, test = "LRT")[2, 5]
excess <- function(b) deviance(glm(event ~ age + male + site + offset(b * x), binomial, full, control = tight)) -
  deviance(model) - qchisq(0.95, 1)
b <- coef(model)["x"]; s <- summary(model)$coefficients["x", 2]
out$logistic_profile <- c(uniroot(excess, b - c(4, 0.5) * s, tol = 1e-12)$root, uniroot(excess, b + c(0.5, 4) * s, tol = 1e-12)$root)
out$formula <- coef(glm(event ~ x * male + poly(age, 2), binomial, full, control = tight))[c("x", "x:male", "poly(age, 2)1")]
out$cook <- range(cooks.distance(model))
out$vif <- 1 / (1 - summary(lm(x ~ age + male + site, full))$r.squared)
curve <- suppressMessages(roc(full$event, fitted(model), ci = TRUE))
out$auc <- as.numeric(curve$ci)[c(2, 1, 3)]
out$brier <- mean((full$event - fitted(model))^2)

# Firth: mean bias reduction of brglm2 is Firth's penalty
separated <- full[full$never == 0 | full$event == 1, ]
firth <- glm(event ~ never + x + male, binomial, separated, method = "brglmFit", type = "AS_mean",
             control = list(epsilon = 1e-12, maxit = 1000))
out$firth <- coef(firth)[c("never", "x", "male")]

data(endometrial, package = "brglm2")
out$endometrial <- t(endometrial[c("HG", "NV", "PI", "EH")])

# linear regression with HC3 errors, by the formula of MacKinnon and White
linear <- lm(wmh ~ x + age + male, wide)
matrix <- model.matrix(linear)
bread <- solve(crossprod(matrix))
meat <- crossprod(matrix * (residuals(linear) / (1 - hatvalues(linear))))
out$linear <- c(coef(linear)["x"], sqrt(diag(bread %*% meat %*% bread))["x"])
out$linear_cook <- range(cooks.distance(linear))

# several lesions of a patient
gee <- geeglm(event ~ x + male, id = patient, data = lesions, family = binomial, corstr = "independence",
              control = geese.control(epsilon = 1e-12, maxit = 200))
out$gee <- unlist(summary(gee)$coefficients["x", c(1, 2)])
gee <- geeglm(event ~ x + male, id = patient, data = lesions, family = binomial, corstr = "exchangeable",
              control = geese.control(epsilon = 1e-12, maxit = 200))
out$gee_exchangeable <- unlist(summary(gee)$coefficients["x", c(1, 2)])

# correlation and trend
known <- complete.cases(wide[c("group3", "wmh")])
for (method in c("pearson", "spearman", "kendall")) {
  test <- suppressWarnings(cor.test(wide$group3, wide$wmh, method = method, exact = FALSE))
  out[[method]] <- c(test$estimate, test$p.value)
}
out$pearson_interval <- cor.test(wide$group3, wide$wmh)$conf.int
out$jonckheere <- unname(cor.test(wide$group3, wide$count, method = "kendall", exact = FALSE)$statistic)
part <- wide[complete.cases(wide[c("group3", "wmh", "age", "male")]), c("group3", "wmh", "age", "male")]
adjusted <- corr.p(partial.r(part, 1:2, 3:4), nrow(part) - 2, adjust = "none")
out$partial <- c(adjusted$r[1, 2], adjusted$p[1, 2])
out$partial_ranks <- partial.r(as.data.frame(lapply(part, rank)), 1:2, 3:4)[1, 2]
out$q <- p.adjust(c(0.001, 0.02, 0.03, 0.04, 0.5, 0.012), "BH")

# grades and counts
grades <- wide[complete.cases(wide[c("fazekas", "group3", "age", "male")]), ]
grades$grade <- factor(grades$fazekas, ordered = TRUE)
proportional <- clm(grade ~ group3 + age + male, data = grades, control = clm.control(gradTol = 1e-10))
out$ordinal <- summary(proportional)$coefficients["group3", 1:2]
out$ordinal_polr <- coef(polr(grade ~ group3 + age + male, grades, control = list(reltol = 1e-15, maxit = 1000)))["group3"]
# Brant's test: a logistic model of each cut, and the covariance of their coefficients (Brant 1990)
cuts <- sort(unique(grades$fazekas)); cuts <- cuts[-length(cuts)]
columns <- model.matrix(~ group3 + age + male, grades)
each <- lapply(cuts, function(cut) suppressWarnings(glm(as.numeric(grades$fazekas > cut) ~ group3 + age + male, binomial, grades, control = tight)))
finite <- all(sapply(each, function(m) max(abs(coef(m)))) < 50)
if (finite) {
p <- sapply(each, fitted)
part <- function(a, b) { hessian <- function(q) solve(t(columns) %*% (columns * (q * (1 - q))))
  (hessian(p[, a]) %*% t(columns) %*% (columns * (p[, max(a, b)] * (1 - p[, min(a, b)]))) %*% hessian(p[, b]))[-1, -1] }
size <- length(cuts)
whole <- do.call(rbind, lapply(1:size, function(a) do.call(cbind, lapply(1:size, function(b) part(a, b)))))
betas <- unlist(lapply(each, function(m) coef(m)[-1]))
wald <- function(chosen) { D <- do.call(rbind, lapply(2:size, function(cut) t(sapply(chosen, function(v) {
  row <- rep(0, 3 * size); row[v] <- 1; row[3 * (cut - 1) + v] <- -1; row }))))
  pchisq(drop(t(D %*% betas) %*% solve(D %*% whole %*% t(D)) %*% (D %*% betas)), nrow(D), lower.tail = FALSE) }
}
out$brant <- if (finite) c(wald(1), wald(1:3)) else c(-1, -1)
negative <- glm.nb(count ~ group3 + age + male, wide, control = glm.control(epsilon = 1e-14, maxit = 200))
out$negative_binomial <- summary(negative)$coefficients["group3", 1:2]

# change
mixed <- lmer(value ~ time * severity + age + (1 | subject), visits,
              control = lmerControl(optimizer = "Nelder_Mead", optCtrl = list(xt = 1e-12, xst = 1e-9, FtolAbs = 1e-14,
                                                                              FtolRel = 1e-15, maxfun = 1e5)))
out$mixed <- summary(mixed)$coefficients["time:severity", 1:2]

# tests of the table of characteristics
out$student <- t.test(wmh ~ group3, wide[two, ], var.equal = TRUE)$p.value
out$welch <- t.test(wmh ~ group3, wide[two, ])$p.value
out$mann_whitney <- wilcox.test(wmh ~ group3, wide[two, ], exact = FALSE)$p.value
out$anova <- unlist(summary(aov(wmh ~ factor(group3), wide))[[1]][1, c("F value", "Pr(>F)")])
out$welch_anova <- oneway.test(wmh ~ group3, wide)$p.value
out$kruskal <- kruskal.test(wmh ~ group3, wide)$p.value
out$chi_square <- chisq.test(table(wide$group3, wide$male), correct = FALSE)$p.value
out$fisher <- fisher.test(table(wide$group3[two], wide$male[two]))$p.value
out$shapiro <- shapiro.test(wide$wmh)$p.value

# agreement
raters <- na.omit(wide[c("rater1", "rater2")])
icc <- ICC(raters, lmer = FALSE)$results
out$icc <- unlist(icc[icc$type == "ICC2", c("ICC", "lower bound", "upper bound")])
out$icc_forms <- c(t(icc[match(c("ICC1", "ICC1k", "ICC2k", "ICC3", "ICC3k"), icc$type), c("ICC", "lower bound", "upper bound")]))
graded <- na.omit(wide[c("grade1", "grade2")])
kappas <- cohen.kappa(graded)
out$kappa <- c(kappas$kappa, kappas$weighted.kappa)

# pooling and sizes
imputed <- mice(wide[c("wmh", "x", "age", "group3")], m = 30, maxit = 5, method = "pmm", seed = 1, printFlag = FALSE)
for (name in c("wmh", "x", "age")) {
  drawn <- unlist(imputed$imp[[name]])
  if (length(drawn)) out[[paste0("mice_", name)]] <- c(mean(drawn), sd(drawn))
}
pooled <- pool.scalar(c(0.31, 0.35, 0.28, 0.40, 0.33), c(0.010, 0.012, 0.011, 0.010, 0.013), n = 120, k = 4)
out$pooled <- unlist(pooled[c("qbar", "t", "df", "fmi")])
out$arms <- power.t.test(delta = 0.6, sd = 1.7, power = 0.8, strict = TRUE, tol = 1e-12)$n
out$correlation_size <- pwr.r.test(r = 0.3, power = 0.9)$n

cat(jsonlite::toJSON(lapply(out, as.numeric), digits = NA), file = arguments[2])
