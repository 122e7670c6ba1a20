{{- define "bulkhead.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "bulkhead.fullname" -}}
{{- $name := include "bulkhead.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The roles that run, in the order of the data. */}}
{{- define "bulkhead.roles" -}}
console ingest dispatcher processor{{ if .Values.analytics.enabled }} mirror{{ end }}
{{- end }}

{{/* Never changes during the life of a release: selectors are immutable. */}}
{{- define "bulkhead.selector" -}}
app.kubernetes.io/name: {{ include "bulkhead.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "bulkhead.labels" -}}
{{ include "bulkhead.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "bulkhead.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "bulkhead.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "bulkhead.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{- define "bulkhead.fromSecret" -}}
valueFrom: { secretKeyRef: { name: {{ .name | quote }}, key: {{ .key | quote }} } }
{{- end }}

{{/* The store and whom to trust: all that a migration needs. */}}
{{- define "bulkhead.storeEnv" -}}
- name: BULKHEAD_STORE
  {{- include "bulkhead.fromSecret" .Values.store.secret | nindent 2 }}
{{- if .Values.trustedCA.configMap }}
- name: SSL_CERT_DIR
  value: /etc/bulkhead/ca
{{- end }}
{{- end }}

{{- define "bulkhead.brokerEnv" -}}
- name: BULKHEAD_BROKERS
  value: {{ join "," .Values.brokers.addresses | quote }}
- name: BULKHEAD_TOPIC_PREFIX
  value: {{ .Values.brokers.topicPrefix | quote }}
{{- if .Values.brokers.tls }}
- name: BULKHEAD_BROKER_TLS
  value: "true"
{{- end }}
{{- with .Values.brokers.sasl }}
{{- if .mechanism }}
- name: BULKHEAD_BROKER_SASL
  value: {{ .mechanism }}
- name: BULKHEAD_BROKER_USER
  {{- include "bulkhead.fromSecret" (dict "name" .secret.name "key" .secret.userKey) | nindent 2 }}
- name: BULKHEAD_BROKER_PASSWORD
  {{- include "bulkhead.fromSecret" (dict "name" .secret.name "key" .secret.passwordKey) | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "bulkhead.objectsEnv" -}}
- name: BULKHEAD_OBJECTS
  value: {{ .Values.objects.url | quote }}
{{- with .Values.objects.secret }}
{{- if .name }}
- name: AWS_ACCESS_KEY_ID
  {{- include "bulkhead.fromSecret" (dict "name" .name "key" .accessKey) | nindent 2 }}
- name: AWS_SECRET_ACCESS_KEY
  {{- include "bulkhead.fromSecret" (dict "name" .name "key" .secretKey) | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* What a role is told: what it needs and no secret more. The argument is a list of the root and the role. */}}
{{- define "bulkhead.env" -}}
{{- $ := index . 0 }}{{ $role := index . 1 }}{{ $v := index $.Values $role -}}
- name: BULKHEAD_LISTEN
  value: ":8080"
- name: POD_IP
  valueFrom: { fieldRef: { fieldPath: status.podIP } }
- name: BULKHEAD_ADVERTISE
  value: {{ ternary "http://[$(POD_IP)]:8080" "http://$(POD_IP):8080" $.Values.ipv6 }}
- name: BULKHEAD_JSON_LOGS
  value: {{ $.Values.jsonLogs | quote }}
- name: GOMEMLIMIT
  value: {{ $v.goMemLimit | quote }}
{{ include "bulkhead.storeEnv" $ }}
{{ include "bulkhead.objectsEnv" $ }}
{{- if ne $role "mirror" }}
- name: BULKHEAD_CLUSTER_SECRET
  {{- include "bulkhead.fromSecret" $.Values.clusterSecret | nindent 2 }}
{{- end }}
{{- if has $role (list "ingest" "dispatcher" "mirror") }}
{{ include "bulkhead.brokerEnv" $ }}
{{- end }}
{{- if eq $role "console" }}
- name: BULKHEAD_SECURE_COOKIES
  value: {{ $v.secureCookies | quote }}
- name: BULKHEAD_ALLOWED_ORIGINS
  value: {{ join "," $v.allowedOrigins | quote }}
{{- else if eq $role "ingest" }}
- name: BULKHEAD_BATCH_ROWS
  value: {{ $v.batchRows | quote }}
{{- else if eq $role "processor" }}
- name: BULKHEAD_SLOTS
  value: {{ $v.slots | quote }}
{{- else if eq $role "mirror" }}
- name: BULKHEAD_ANALYTICS
  {{- include "bulkhead.fromSecret" $.Values.analytics.secret | nindent 2 }}
{{- end }}
{{- with $v.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "bulkhead.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "bulkhead.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}
